//! Kafka's message definitions, as far as code is generated from them.
//!
//! Kafka: `MessageSpec`, `StructSpec`, `FieldSpec`, `Versions` of its generator.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;

/// A range of versions, both ends included; empty where the first is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) first: i16,
    pub(crate) last: i16,
}

impl Versions {
    pub(crate) const NONE: Self = Self { first: 1, last: 0 };

    /// From "none", "3", "3+" or "3-7".
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        let number = |digits: &str| {
            digits.parse::<i16>().with_context(|| format!("'{text}' is not a range of versions"))
        };
        let (first, last) = if let Some(first) = text.strip_suffix('+') {
            (number(first)?, i16::MAX)
        } else if let Some((first, last)) = text.split_once('-') {
            (number(first)?, number(last)?)
        } else {
            (number(text)?, number(text)?)
        };
        Ok(Self { first, last })
    }

    pub(crate) fn is_empty(self) -> bool {
        self.first > self.last
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    pub(crate) fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        other.is_empty() || (self.first <= other.first && self.last >= other.last)
    }

    /// "versions 3-7" for people.
    pub(crate) fn words(self) -> String {
        match self {
            Self { first, last } if first == last => format!("version {first}"),
            Self { first, last: i16::MAX } => format!("versions {first}+"),
            Self { first, last } => format!("versions {first}-{last}"),
        }
    }
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Request,
    Response,
    Header,
    Metadata,
    Data,
    CoordinatorKey,
    CoordinatorValue,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    api_key: Option<i16>,
    valid_versions: String,
    #[serde(default = "none")]
    flexible_versions: String,
    #[serde(default)]
    latest_version_unstable: bool,
    #[serde(default)]
    fields: Vec<RawField>,
    #[serde(default)]
    common_structs: Vec<RawField>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    versions: Option<String>,
    #[serde(default = "none")]
    nullable_versions: String,
    #[serde(default = "none")]
    tagged_versions: String,
    tag: Option<u32>,
    #[serde(default)]
    ignorable: bool,
    default: Option<Value>,
    #[serde(default)]
    fields: Vec<Self>,
}

fn none() -> String {
    "none".to_owned()
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) api_key: Option<i16>,
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    pub(crate) latest_unstable: bool,
    /// The outermost first; every struct before those it contains.
    pub(crate) structs: Vec<Struct>,
}

/// A struct of a message.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    /// The versions in which it can occur.
    pub(crate) versions: Versions,
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) tagged: Versions,
    pub(crate) tag: u32,
    pub(crate) ignorable: bool,
    /// As in the definition; empty where there is none.
    pub(crate) default: String,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Bool,
    /// The Rust name of the number's type.
    Number(&'static str),
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Self>),
}

impl FieldKind {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(element) = text.strip_prefix("[]") {
            return Ok(Self::Array(Box::new(Self::parse(element)?)));
        }
        Ok(match text {
            "bool" => Self::Bool,
            "int8" => Self::Number("i8"),
            "int16" => Self::Number("i16"),
            "uint16" => Self::Number("u16"),
            "int32" => Self::Number("i32"),
            "uint32" => Self::Number("u32"),
            "int64" => Self::Number("i64"),
            "float64" => Self::Number("f64"),
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            name if name.starts_with(|first: char| first.is_ascii_uppercase()) => {
                Self::Struct(name.to_owned())
            }
            other => bail!("'{other}' is not a type"),
        })
    }

    /// The struct inside, if there is one.
    pub(crate) fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.struct_name(),
            _ => None,
        }
    }
}

impl Schema {
    /// Reads one definition.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let json: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let raw: RawMessage = serde_json::from_str(&json)?;
        let versions = Versions::parse(&raw.valid_versions)?;
        let mut structs = Vec::new();
        add_struct(&mut structs, &raw.name, versions, &raw.fields)?;
        for common in &raw.common_structs {
            let own = Versions::parse(common.versions.as_deref().unwrap_or("0+"))?;
            add_struct(&mut structs, &common.name, versions.intersect(own), &common.fields)?;
        }
        Ok(Self {
            name: raw.name,
            kind: raw.kind,
            api_key: raw.api_key,
            versions,
            flexible: Versions::parse(&raw.flexible_versions)?,
            latest_unstable: raw.latest_version_unstable,
            structs,
        })
    }

    /// The struct of this name.
    pub(crate) fn find(&self, name: &str) -> anyhow::Result<&Struct> {
        let found = self.structs.iter().find(|candidate| candidate.name == name);
        found.with_context(|| format!("{} has no struct {name}", self.name))
    }
}

fn add_struct(
    structs: &mut Vec<Struct>,
    name: &str,
    versions: Versions,
    raw_fields: &[RawField],
) -> anyhow::Result<()> {
    let at = structs.len();
    structs.push(Struct { name: name.to_owned(), versions, fields: Vec::new() });
    let mut fields = Vec::new();
    for raw in raw_fields {
        let field = field(raw).with_context(|| format!("in the field {}", raw.name))?;
        if !raw.fields.is_empty() {
            let inner = field.kind.struct_name().context("only structs have fields")?;
            add_struct(structs, inner, versions.intersect(field.versions), &raw.fields)?;
        }
        if !field.versions.intersect(versions).is_empty() {
            fields.push(field);
        }
    }
    if let Some(this) = structs.get_mut(at) {
        this.fields = fields;
    }
    Ok(())
}

fn field(raw: &RawField) -> anyhow::Result<Field> {
    let tagged = Versions::parse(&raw.tagged_versions)?;
    Ok(Field {
        name: raw.name.clone(),
        kind: FieldKind::parse(&raw.kind)?,
        versions: match &raw.versions {
            Some(text) => Versions::parse(text)?,
            None => tagged,
        },
        nullable: Versions::parse(&raw.nullable_versions)?,
        tagged,
        tag: raw.tag.unwrap_or(0),
        ignorable: raw.ignorable,
        default: match &raw.default {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
    })
}
