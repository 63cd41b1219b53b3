//! How values stand in columns: an enum as its name, a number as a big integer, a time in whole microseconds.

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::StoreError;

/// The name of an enum's variant, as in the journal.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enums without fields are columns, not {other:?}"),
    }
}

/// In whole microseconds: what PostgreSQL keeps.
pub(super) fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// Reads the columns of one row, so that a bad value names the table and the row.
pub(super) struct Reading<'a> {
    /// Table.
    pub(super) table: &'static str,
    /// Key of the row.
    pub(super) row: &'a dyn std::fmt::Display,
}

impl Reading<'_> {
    /// An enum by its name.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &str, word: &str) -> Result<T, StoreError> {
        let text: StrDeserializer<'_, Error> = word.into_deserializer();
        T::deserialize(text).map_err(|_| self.bad(column, format_args!("{word:?} is no value of it")))
    }

    /// A number that is never negative.
    pub(super) fn number<T: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).map_err(|_| self.bad(column, format_args!("{number} is out of range")))
    }

    /// A value with a checked constructor.
    pub(super) fn checked<T>(&self, column: &str, value: Result<T, String>) -> Result<T, StoreError> {
        value.map_err(|reason| self.bad(column, format_args!("{reason}")))
    }

    /// What is wrong with a column.
    pub(super) fn bad(&self, column: &str, reason: std::fmt::Arguments<'_>) -> StoreError {
        StoreError::corrupt(self.table, self.row, format_args!("column `{column}`: {reason}"))
    }
}
