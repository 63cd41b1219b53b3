//! A batch that fails because one of its entries cannot be read is asked for again one by one, so that a broken ticket
//! holds up nothing but its own link.

use std::collections::BTreeMap;

use connector_api::{Error, ErrorKind, Result};
use futures::future::BoxFuture;

/// After so many failures in a row with nothing had, it is the site that fails, not the entries.
const OUTAGE: usize = 3;

/// What a batch gave, by ticket id.
#[derive(Debug)]
pub struct Answers<A> {
    /// What could be had.
    pub had: BTreeMap<String, A>,
    /// What could not, each with its own error. What is in neither was not asked for.
    pub broken: BTreeMap<String, Error>,
}

impl<A> Answers<A> {
    /// Of nothing.
    pub fn none() -> Self {
        Self { had: BTreeMap::new(), broken: BTreeMap::new() }
    }

    /// Whether it was given up, since nothing could be had at all.
    pub fn is_outage(&self) -> bool {
        self.had.is_empty() && self.broken.len() >= OUTAGE
    }
}

/// Asks for all at once, and where that fails for what may be the fault of one, for each by itself.
///
/// # Errors
/// Where it is the site or the connection that fails: nothing may be concluded of any entry.
pub async fn each<'a, Q: Sync, A: Send>(
    asked: &'a [Q],
    id: impl Fn(&Q) -> String + Send + Sync,
    ask: impl Fn(&'a [Q]) -> BoxFuture<'a, Result<Vec<(String, A)>>> + Send + Sync,
) -> Result<Answers<A>> {
    let mut answers = Answers::none();
    if asked.is_empty() {
        return Ok(answers);
    }
    match ask(asked).await {
        Ok(had) => {
            answers.had.extend(had);
            return Ok(answers);
        }
        Err(error) if !may_be_one_entrys(&error) => return Err(error),
        Err(error) => {
            tracing::warn!(%error, entries = asked.len(), "a batch failed, and is asked for one by one");
        }
    }
    for one in asked.chunks(1) {
        match ask(one).await {
            Ok(had) => answers.had.extend(had),
            Err(error) if !may_be_one_entrys(&error) && answers.had.is_empty() => return Err(error),
            Err(error) if !may_be_one_entrys(&error) => break,
            Err(error) => {
                answers.broken.extend(one.first().map(|one| (id(one), error)));
                if answers.is_outage() {
                    break;
                }
            }
        }
    }
    Ok(answers)
}

/// Whether the failure may be that of a single entry: the site answered, and not about us.
fn may_be_one_entrys(error: &Error) -> bool {
    match &error.kind {
        ErrorKind::Unavailable(_) => error.source.is_none(),
        ErrorKind::TooLarge { .. }
        | ErrorKind::NotFound
        | ErrorKind::Invalid(_)
        | ErrorKind::Forbidden(_)
        | ErrorKind::Conflict => true,
        ErrorKind::RateLimited { .. } | ErrorKind::Auth(_) | ErrorKind::Unsupported(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use connector_api::TransportError;

    use super::*;

    /// Asks a site of which some entries are broken; gives what came and how many requests it took.
    async fn asked(
        count: u32,
        fails: impl Fn(&[u32]) -> Option<Error> + Sync,
    ) -> (Result<Answers<u32>>, usize) {
        let entries: Vec<u32> = (0..count).collect();
        let requests = Mutex::new(0);
        let answers = each(&entries, u32::to_string, |asked| {
            *requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
            let answer = match fails(asked) {
                Some(error) => Err(error),
                None => Ok(asked.iter().map(|entry| (entry.to_string(), *entry)).collect()),
            };
            Box::pin(async move { answer })
        })
        .await;
        let requests = requests.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (answers, requests)
    }

    fn unreadable() -> Error {
        Error::new("read tickets", ErrorKind::Unavailable("an entry is no ticket".to_owned()))
    }

    #[tokio::test]
    async fn one_broken_entry_leaves_the_others() {
        for broken in [0, 3, 9] {
            let (answers, requests) = asked(10, |asked| asked.contains(&broken).then(unreadable)).await;
            let answers = answers.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(answers.had.len(), 9);
            assert_eq!(answers.broken.into_keys().collect::<Vec<_>>(), [broken.to_string()]);
            assert_eq!(requests, 11);
        }
        let (answers, requests) = asked(10, |_| None).await;
        assert_eq!((answers.map(|answers| answers.had.len()).ok(), requests), (Some(10), 1));
    }

    #[tokio::test]
    async fn a_site_that_fails_is_not_asked_for_each() {
        let (answers, requests) = asked(10, |_| Some(unreadable())).await;
        let answers = answers.unwrap_or_else(|error| panic!("{error}"));
        assert!(answers.is_outage());
        assert_eq!((answers.broken.len(), requests), (3, 4), "three are put off, the rest was not asked for");
        let gone = || Error::transport("read tickets", TransportError::Lost("broken off".to_owned()));
        let (answers, requests) = asked(10, |_| Some(gone())).await;
        assert!(answers.is_err());
        assert_eq!(requests, 1);
    }
}
