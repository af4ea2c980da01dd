//! Taking over the data directories of a stopped Kafka, or of a stopped Ottla: looked at first,
//! then copied, and looked at again.
//!
//! Invariants: nothing is written into the source; a target gets its name when all of it is there
//! and durable; what Ottla could not serve is refused before anything is copied.
//! Kafka: `MetaPropertiesEnsemble`, `LogManager.loadLogs`.

mod survey;
mod transfer;

use std::path::PathBuf;

use ottla_log::{LogError, StoppedDir};

pub use survey::Survey;
pub use transfer::{Done, Means};

/// Why directories are not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A directory could not be read, or somebody has it.
    #[error("{0}")]
    Log(#[from] LogError),
    /// A file could not be copied.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The directories are not what can be taken over.
    #[error("{0}")]
    Refused(String),
    /// What arrived is not what was sent.
    #[error("the copy does not hold what the source holds: {0}")]
    Differs(String),
}

impl ImportError {
    fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Directories that can be taken over.
#[derive(Debug)]
pub struct Import {
    dirs: Vec<StoppedDir>,
    survey: Survey,
}

impl Import {
    /// Looks at all directories of one broker, which has to be stopped.
    pub fn look(paths: &[PathBuf]) -> Result<Self, ImportError> {
        let dirs: Vec<StoppedDir> = paths.iter().map(StoppedDir::open).collect::<Result<_, _>>()?;
        let survey = survey::take(&dirs)?;
        Ok(Self { dirs, survey })
    }

    /// What they hold.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Copies each directory to the target of the same place, and looks at what arrived.
    pub fn run(&self, targets: &[PathBuf], means: Means) -> Result<Done, ImportError> {
        if targets.len() != self.dirs.len() {
            return Err(ImportError::Refused(format!(
                "{} directories are to be imported, and {} to take them are named",
                self.dirs.len(),
                targets.len()
            )));
        }
        targets.iter().try_for_each(|target| transfer::check_free(target))?;
        let mut done = Done::default();
        for (dir, target) in self.dirs.iter().zip(targets) {
            transfer::fill(dir, target, means, &mut done)?;
        }
        self.dirs.iter().try_for_each(StoppedDir::check_still_stopped)?;
        transfer::finish(targets)?;
        let arrived = Self::look(targets)?;
        if arrived.survey != self.survey {
            return Err(ImportError::Differs(format!(
                "{:?} instead of {:?}",
                arrived.survey, self.survey
            )));
        }
        Ok(done)
    }
}
