//! Who may use the console: names, the Argon2id hashes of their passwords, and what they may do.
//!
//! Invariants: a password is never kept; whether a name is known cannot be told from how long a
//! check takes. Kafka: none.

use std::fmt;

use argon2::{
    ARGON2ID_IDENT, Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

/// What makes a user one who only looks.
const READ_ONLY: &str = "read-only";

/// The users of a console; without any, it asks nobody who they are.
#[derive(Clone, Default)]
pub struct Users {
    users: Vec<User>,
}

#[derive(Clone)]
struct User {
    name: String,
    hash: PasswordHash,
    is_read_only: bool,
}

/// Why a list of users is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// An entry lacks one of its parts.
    #[error("user {0}: expected NAME:HASH or NAME:HASH:read-only")]
    Form(String),
    /// What follows the name is no hash that is known here.
    #[error("user {0}: expected an Argon2id hash, as `ottla console hash-password` prints it")]
    Hash(String),
    /// There are two of a name.
    #[error("user {0} is there twice")]
    Twice(String),
    /// A password cannot be hashed.
    #[error("this password cannot be hashed: {0}")]
    Password(String),
}

/// A user whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) is_read_only: bool,
}

impl Users {
    /// Users as `name:hash` or `name:hash:read-only`, separated by line ends or semicolons. Empty
    /// lines and those that begin with `#` say nothing.
    pub fn parse(text: &str) -> Result<Self, UsersError> {
        let mut this = Self::default();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        for entry in lines.flat_map(|line| line.split(';')) {
            let entry = entry.trim();
            if !entry.is_empty() {
                this.add(User::parse(entry)?)?;
            }
        }
        Ok(this)
    }

    /// One user with a password that is hashed here.
    pub fn single(name: &str, password: &str) -> Result<Self, UsersError> {
        Self::parse(&format!("{name}:{}", hash_password(password)?))
    }

    /// These users and those of `other`.
    pub fn and(mut self, other: Self) -> Result<Self, UsersError> {
        other.users.into_iter().try_for_each(|user| self.add(user))?;
        Ok(self)
    }

    fn add(&mut self, user: User) -> Result<(), UsersError> {
        if self.users.iter().any(|it| it.name == user.name) {
            return Err(UsersError::Twice(user.name));
        }
        self.users.push(user);
        Ok(())
    }

    /// Whether nobody is asked who they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The user of this name, if the password is theirs. Takes tens of milliseconds and 19 MiB.
    pub(crate) fn check(&self, name: &str, password: &str) -> Option<Known> {
        let user = self.users.iter().find(|it| it.name == name);
        // A name that is not known costs as much as one that is.
        let hash = &user.or(self.users.first())?.hash;
        let is_right = Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
        let user = user.filter(|_| is_right)?;
        Some(Known { name: user.name.clone(), is_read_only: user.is_read_only })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.users.iter().map(|user| &user.name)).finish()
    }
}

impl User {
    fn parse(entry: &str) -> Result<Self, UsersError> {
        let mut parts = entry.split(':');
        let name = parts.next().unwrap_or_default().trim().to_owned();
        let form = || UsersError::Form(name.clone());
        let text = parts.next().map(str::trim).filter(|_| !name.is_empty()).ok_or_else(form)?;
        let is_read_only = match parts.next().map(str::trim) {
            None => false,
            Some(READ_ONLY) => true,
            Some(_) => return Err(form()),
        };
        if parts.next().is_some() {
            return Err(form());
        }
        let hash = PasswordHash::new(text).ok();
        let hash = hash.filter(|hash| hash.algorithm == ARGON2ID_IDENT && hash.hash.is_some());
        let hash = hash.ok_or_else(|| UsersError::Hash(name.clone()))?;
        Ok(Self { name, hash, is_read_only })
    }
}

/// The Argon2id hash of a password, with a salt of its own, as PHC text.
pub fn hash_password(password: &str) -> Result<String, UsersError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| UsersError::Password(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_the_password_alone() {
        let (ada, eve) = (hash_password("umbrella").unwrap(), hash_password("rain").unwrap());
        let users = Users::parse(&format!("# ours\nada:{ada}\n\neve:{eve}:read-only")).unwrap();
        let known = |name: &str, is_read_only| Some(Known { name: name.to_owned(), is_read_only });
        assert_eq!(users.check("ada", "umbrella"), known("ada", false));
        assert_eq!(users.check("eve", "rain"), known("eve", true));
        assert_eq!(users.check("ada", "rain"), None);
        assert_eq!(users.check("bob", "umbrella"), None);
        assert_eq!(format!("{users:?}"), r#"{"ada", "eve"}"#);
    }

    #[test]
    fn what_is_no_list_of_users_is_refused_with_the_name() {
        let hash = hash_password("a").unwrap();
        let of = |text: &str| Users::parse(text).map(drop);
        assert_eq!(of("ada"), Err(UsersError::Form("ada".into())));
        assert_eq!(of(&format!("ada:{hash}:admin")), Err(UsersError::Form("ada".into())));
        assert_eq!(of("ada:umbrella"), Err(UsersError::Hash("ada".into())));
        assert_eq!(of(&format!("ada:{hash};ada:{hash}")), Err(UsersError::Twice("ada".into())));
        let weaker = hash.replace("argon2id", "argon2i");
        assert_eq!(of(&format!("ada:{weaker}")), Err(UsersError::Hash("ada".into())));
        assert!(Users::parse(" ; ").unwrap().is_empty());
    }
}
