//! `poam sync`: one pass to completion over every connection, as the daemon would make it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::App;
use super::check::refuse_public;
use crate::store::StoreError;
use crate::sync::engine::Hot;
use crate::sync::failure::chain;
use crate::sync::{SyncError, lease};

/// Links that one pass takes at least, where there are so many: by that the number of passes is bounded.
const PASS: u64 = crate::sync::create::TOGETHER as u64;
/// Passes that are made in any case, before what does not settle is given up.
const LEAST: u64 = 20;

/// What was done on one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Its id.
    pub connection: String,
    /// Tickets that the poll brought.
    pub polled: u64,
    /// Links looked at; one counts each time.
    pub links: u64,
    /// Tickets made.
    pub created: u64,
    /// Tickets written.
    pub written: u64,
    /// Tickets commented on.
    pub said: u64,
    /// Links that failed, each with its error.
    pub failed: BTreeSet<String>,
    /// What failed on the connection as a whole.
    pub errors: Vec<String>,
    /// Whether links were still marked when it was given up.
    pub unsettled: bool,
    /// When the next link that was put off is due.
    pub next: Option<DateTime<Utc>>,
}

impl Done {
    /// Whether nothing failed.
    pub fn is_fine(&self) -> bool {
        self.failed.is_empty() && self.errors.is_empty() && !self.unsettled
    }
}

/// Polls a connection once and reconciles until nothing is marked and due. What fails is told, and holds nothing else
/// up. `only` is the one tracker to work on, else all of them. `tell` is given how many links were looked at so far.
///
/// # Errors
/// Only where the store fails.
pub async fn once(
    app: &App,
    connection: &str,
    only: Option<&str>,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<Done, StoreError> {
    let world = app.world();
    let engine = app.engine.of_tracker(only);
    let trackers: Vec<String> = engine.trackers_on(connection).map(|tracker| tracker.id.clone()).collect();
    let mut done = Done { connection: connection.to_owned(), ..Done::default() };
    // What the daemon holds, the daemon does.
    match lease::hold(world, connection).await {
        Ok(()) => {}
        Err(SyncError::Store(error)) => return Err(error),
        Err(error) => {
            done.errors.push(chain(&error));
            return Ok(done);
        }
    }
    if let Err(error) = refuse_public(&app.config, world, connection).await {
        let error = SyncError::NotCleared(Box::new(error));
        app.engine.keep_health(connection, Some(&error)).await?;
        done.errors.push(chain(&error));
        return Ok(done);
    }
    let polled = engine.poll(connection).await;
    // One tracker alone says nothing of its connection.
    if only.is_none() {
        app.engine.keep_health(connection, polled.as_ref().err()).await?;
    }
    let mut hot = match polled {
        Ok(polled) => {
            done.errors
                .extend(polled.failed.iter().map(|(stream, error)| format!("{stream}: {}", chain(error))));
            polled.hot
        }
        Err(error) => {
            done.errors.push(chain(&error));
            Hot::new()
        }
    };
    done.polled = u64::try_from(hot.len()).unwrap_or(u64::MAX);
    let marked: u64 = {
        let counts = world.db.read().await?.link_counts().await?;
        trackers.iter().filter_map(|tracker| counts.get(tracker)).map(|of| of.dirty).sum()
    };
    let most = LEAST + 4 * marked.div_ceil(PASS);
    done.unsettled = true;
    for _ in 0..most {
        let pass = match engine.pass(connection, std::mem::take(&mut hot)).await {
            Ok(pass) => pass,
            Err(error) => {
                app.engine.limited(connection, &error).await?;
                let text = chain(&error);
                if !done.errors.contains(&text) {
                    done.errors.push(text);
                }
                done.unsettled = false;
                break;
            }
        };
        if pass.links == 0 {
            done.unsettled = false;
            break;
        }
        done.links += u64::from(pass.links);
        done.created += u64::from(pass.created);
        done.written += u64::from(pass.written);
        done.said += u64::from(pass.said);
        done.failed.extend(pass.failed);
        tell(done.links);
    }
    done.next = world.db.read().await?.next_link_due(&trackers).await?;
    Ok(done)
}
