//! `completion`: what a shell needs to complete commands and flags.

use clap::Args;
use clap_complete::Shell;

use crate::{
    exit::{Exit, Outcome},
    session::Session,
};

/// Completions for a shell
#[derive(Args, Clone, Debug)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self, session: &mut Session, mut root: clap::Command) -> Outcome {
        let name = root.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut root, name, &mut script);
        session.out.write(&script)?;
        session.out.flush()?;
        Ok(Exit::Ok)
    }
}
