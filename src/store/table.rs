//! Declares a table's row once: from the one list of columns come the struct, how it is read, and how many rows are
//! written in one statement.

/// Values bound in one statement at most: SQLite takes 32,766.
pub(super) const BINDS: usize = 30_000;

/// Keys looked for in one statement at most.
pub(super) const KEYS: usize = 1_000;

/// A row of a table: the struct, its name, and `insert` and `upsert` of many at once.
macro_rules! table {
    (
        $(#[$meta:meta])*
        $Row:ident in $table:literal key $key:literal {
            $first:ident: $first_type:ty, $($column:ident: $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, sqlx::FromRow, serde::Serialize)]
        pub(super) struct $Row {
            pub(super) $first: $first_type,
            $(pub(super) $column: $type,)+
        }

        #[allow(dead_code, reason = "not every table is written in both ways")]
        impl $Row {
            /// The table's name.
            pub(super) const TABLE: &'static str = $table;
            /// The columns of its key, with commas.
            pub(super) const KEY: &'static str = $key;

            /// Inserts rows; one that is there already is an error.
            pub(super) async fn insert(tx: &mut $crate::store::Tx, rows: &[Self]) -> Result<(), $crate::store::StoreError> {
                Self::write(tx, rows, "").await
            }

            /// Inserts rows, or replaces those with the same key.
            pub(super) async fn upsert(tx: &mut $crate::store::Tx, rows: &[Self]) -> Result<(), $crate::store::StoreError> {
                Self::write(tx, rows, concat!(
                    " ON CONFLICT (", $key, ") DO UPDATE SET ",
                    stringify!($first), " = excluded.", stringify!($first),
                    $(", ", stringify!($column), " = excluded.", stringify!($column)),+
                )).await
            }

            /// Writes as many rows in one statement as fit.
            async fn write(tx: &mut $crate::store::Tx, rows: &[Self], tail: &str) -> Result<(), $crate::store::StoreError> {
                const COLUMNS: usize = [stringify!($first), $(stringify!($column)),+].len();
                for rows in rows.chunks($crate::store::table::BINDS / COLUMNS) {
                    $crate::store::tx::on!(tx, c => {
                        let mut query = sqlx::QueryBuilder::new(concat!(
                            "INSERT INTO ", $table, " (", stringify!($first), $(", ", stringify!($column),)+ ") "
                        ));
                        query.push_values(rows, |mut values, row| {
                            values.push_bind(&row.$first)$(.push_bind(&row.$column))+;
                        });
                        query.push(tail);
                        // Only the statement for one row is worth keeping prepared.
                        query.build().persistent(rows.len() == 1).execute(c).await.map(drop)
                    })?;
                }
                Ok(())
            }
        }
    };
}

/// Rows that a statement with bound values gives. A row that cannot be read is named.
macro_rules! fetch {
    ($tx:expr, $Row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::tx::on!($tx, c => {
            let rows = sqlx::query($sql)$(.bind($value))*.fetch(c);
            $crate::store::table::collect!(rows, $Row)
        })
    };
}

/// Rows of one system whose column is among keys; all of the system where the keys are none.
macro_rules! fetch_in {
    ($tx:expr, $Row:ty, $system:expr, $column:literal in $keys:expr, $tail:literal) => {{
        let keys: Option<Vec<_>> = $keys;
        let system: &$crate::register::SystemId = $system;
        let mut found: Vec<$Row> = Vec::new();
        let every = keys.is_none();
        let keys = keys.unwrap_or_default();
        let mut groups: Vec<&[_]> = keys.chunks($crate::store::table::KEYS).collect();
        if every {
            groups.push(&[]);
        }
        for group in groups {
            let rows: Vec<$Row> = $crate::store::tx::on!($tx, c => {
                let mut query = sqlx::QueryBuilder::new("SELECT * FROM ");
                query.push(<$Row>::TABLE).push(" WHERE system = ").push_bind(system.as_str());
                if !every {
                    $crate::store::table::in_list!(query.push(concat!(" AND ", $column)), group);
                }
                query.push($tail);
                let rows = query.build().persistent(group.len() <= 1).fetch(c);
                $crate::store::table::collect!(rows, $Row)
            })?;
            found.extend(rows);
        }
        Ok::<Vec<$Row>, $crate::store::StoreError>(found)
    }};
}

/// Collects a stream of raw rows, naming the one that cannot be read.
macro_rules! collect {
    ($rows:expr, $Row:ty) => {
        async {
            use futures::TryStreamExt as _;
            use sqlx::{FromRow as _, Row as _};
            let mut rows = $rows;
            let mut found: Vec<$Row> = Vec::new();
            while let Some(row) = rows.try_next().await? {
                found.push(<$Row>::from_row(&row).map_err(|error| {
                    let column = <$Row>::KEY.rsplit(", ").next().unwrap_or_default();
                    let key = row
                        .try_get::<String, _>(column)
                        .or_else(|_| row.try_get::<i64, _>(column).map(|number| number.to_string()));
                    let key = key.unwrap_or_else(|_| "?".to_owned());
                    $crate::store::StoreError::corrupt(<$Row>::TABLE, key, error)
                })?);
            }
            Ok::<Vec<$Row>, $crate::store::StoreError>(found)
        }
        .await
    };
}

/// Pushes ` IN (...)`; with no value at all it holds for no row.
macro_rules! in_list {
    ($query:expr, $values:expr) => {{
        let query = $query;
        query.push(" IN (");
        let mut list = query.separated(", ");
        let mut any = false;
        for value in $values {
            list.push_bind(value);
            any = true;
        }
        query.push(if any { ")" } else { "NULL)" });
    }};
}

pub(super) use {collect, fetch, fetch_in, in_list, table};
