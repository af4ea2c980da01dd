//! Lists come in pages, filtered and sorted here: a page costs the browser what it shows.
//!
//! Kafka: none.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{error::ApiError, number::int};

/// Most items of one page.
const SIZE_MAX: usize = 500;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Only what has this in its name, in any case.
    #[serde(default)]
    q: String,
    /// A field; with `-` before it in descending order.
    #[serde(default)]
    sort: String,
    /// From 0.
    #[serde(default)]
    page: usize,
    /// Items of a page, at most 500.
    #[serde(default = "default_size")]
    size: usize,
}

const fn default_size() -> usize {
    50
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Items of the whole list that match.
    pub(crate) total: i32,
    pub(crate) page: i32,
    pub(crate) size: i32,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub(crate) fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, total, page, size } = self;
        Page { items: items.into_iter().map(to).collect(), total, page, size }
    }
}

impl Paging {
    /// Whether a name has what is looked for.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.q.is_empty() || name.to_lowercase().contains(&self.q.to_lowercase())
    }

    /// Whether a field is what is sorted by.
    pub(crate) fn is_sorted_by(&self, field: &str) -> bool {
        self.sort.strip_prefix('-').unwrap_or(&self.sort) == field
    }

    /// Sorts by the field that was asked for (`by` compares two items by a field, or says that
    /// there is none such) and cuts the page out.
    pub(crate) fn cut<T>(
        &self,
        mut items: Vec<T>,
        by: impl Fn(&str, &T, &T) -> Option<Ordering>,
    ) -> Result<Page<T>, ApiError> {
        let (field, is_descending) = match self.sort.strip_prefix('-') {
            Some(field) => (field, true),
            None => (self.sort.as_str(), false),
        };
        let mut is_known = true;
        if !field.is_empty() {
            items.sort_by(|a, b| {
                let order = by(field, a, b);
                is_known &= order.is_some();
                let order = order.unwrap_or(Ordering::Equal);
                if is_descending { order.reverse() } else { order }
            });
        }
        if !is_known {
            return Err(ApiError::bad_request(format!("this list cannot be sorted by '{field}'")));
        }
        let total = items.len();
        let size = self.size.clamp(1, SIZE_MAX);
        let skipped = self.page.saturating_mul(size);
        let items = items.into_iter().skip(skipped).take(size).collect();
        Ok(Page { items, total: int(total), page: int(self.page), size: int(size) })
    }
}
