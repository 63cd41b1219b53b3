//! What a site allows, kept count of: a connection's allowances and its pauses.
//!
//! Each request is charged before it leaves. A wait of fractions of a second is waited for; a longer one is answered as
//! a pause, so that the work is put off and others go on. A pause that the tracker asked for is never waited for.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::error::LimitScope;
use connector_api::{Bucket, Charge, TransportError};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The longest wait for an allowance that is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Allowances kept at most, before those that nobody used for long are forgotten: there is one per ticket.
const KEPT: usize = 4_096;

/// Why and until when nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Not before this time.
    pub until: DateTime<Utc>,
    /// As the tracker named it.
    pub reason: String,
}

struct Allowance {
    limiter: Arc<DefaultDirectRateLimiter>,
    used: Instant,
}

/// The allowances and pauses of one connection.
#[derive(Default)]
pub struct Limits {
    clock: DefaultClock,
    allowances: Mutex<HashMap<Bucket, Allowance>>,
    /// By bucket; the whole connection's under the empty name.
    pauses: Mutex<BTreeMap<String, Pause>>,
}

impl Limits {
    /// Spends nothing of `scope` before the pause ends. A pause is never shortened by another.
    pub fn pause(&self, scope: &LimitScope, pause: Pause) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let held = pauses.entry(scope.name().to_owned()).or_insert_with(|| pause.clone());
        if held.until < pause.until {
            *held = pause;
        }
    }

    /// The pause of a scope that is in force.
    pub fn paused(&self, scope: &LimitScope, now: DateTime<Utc>) -> Option<Pause> {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(scope.name()).filter(|pause| pause.until > now).cloned()
    }

    /// Whether a request with these charges must not leave now.
    pub fn refuse_while_paused(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<(), TransportError> {
        let buckets = charges.iter().map(|charge| LimitScope::Bucket(charge.bucket.name.clone()));
        for scope in std::iter::once(LimitScope::Connection).chain(buckets) {
            if let Some(Pause { until, reason }) = self.paused(&scope, now) {
                return Err(TransportError::Paused { until, reason, scope });
            }
        }
        Ok(())
    }

    /// Spends the charges of one request, or says when there will be enough.
    pub async fn spend(
        &self,
        charges: &[Charge],
        now: &(dyn Fn() -> DateTime<Utc> + Send + Sync),
    ) -> Result<(), TransportError> {
        for charge in charges {
            let Some(wait) = self.take(charge) else { continue };
            if wait > PATIENCE {
                let until = now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(1));
                let Bucket { name, amount, per } = &charge.bucket;
                return Err(TransportError::Paused {
                    until,
                    reason: format!("no more than {amount} within {} s of: {name}", per.as_secs_f64()),
                    scope: LimitScope::Bucket(name.clone()),
                });
            }
            self.wait_for(charge).await;
        }
        Ok(())
    }

    /// Takes a charge, or says how long it would have to wait.
    fn take(&self, charge: &Charge) -> Option<Duration> {
        let (limiter, cost) = (self.limiter(&charge.bucket), cost(charge)?);
        match limiter.check_n(cost) {
            Ok(Ok(())) | Err(_) => None,
            Ok(Err(not_yet)) => Some(not_yet.wait_time_from(self.clock.now())),
        }
    }

    async fn wait_for(&self, charge: &Charge) {
        if let Some(cost) = cost(charge) {
            // A cost above the burst was cut to it: this cannot fail.
            self.limiter(&charge.bucket).until_n_ready(cost).await.unwrap_or_default();
        }
    }

    fn limiter(&self, bucket: &Bucket) -> Arc<DefaultDirectRateLimiter> {
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if allowances.len() >= KEPT {
            // What was not used for its whole time is full again.
            allowances.retain(|bucket, held| now.duration_since(held.used) < bucket.per);
        }
        let held = allowances.entry(bucket.clone()).or_insert_with(|| {
            let limiter = Arc::new(RateLimiter::direct(quota(bucket)));
            Allowance { limiter, used: now }
        });
        held.used = now;
        held.limiter.clone()
    }
}

/// At most `amount` in any time of `per`. What may leave at once and what flows in during that time share the amount; of
/// an allowance by the second all may leave at once, as sites count those.
fn quota(bucket: &Bucket) -> Quota {
    let burst = burst(bucket);
    let flow =
        bucket.amount.saturating_sub(if bucket.per > Duration::from_secs(1) { burst.get() } else { 0 });
    let every = bucket.per / flow.max(1);
    Quota::with_period(every).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
}

fn burst(bucket: &Bucket) -> NonZeroU32 {
    let amount = if bucket.per > Duration::from_secs(1) { bucket.amount / 4 } else { bucket.amount };
    NonZeroU32::new(amount).unwrap_or(NonZeroU32::MIN)
}

/// What a charge takes; nothing more than the burst, which would never be there. None where it is free.
fn cost(charge: &Charge) -> Option<NonZeroU32> {
    NonZeroU32::new(charge.cost.min(burst(&charge.bucket).get()))
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn bucket(amount: u32, seconds: u64) -> Bucket {
        Bucket { name: "content".to_owned(), amount, per: Duration::from_secs(seconds) }
    }

    /// The most that leaves within any time of the bucket's, asked for without rest.
    fn most_within(bucket: &Bucket) -> usize {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota(bucket), clock.clone());
        let step = bucket.per / 400;
        let mut left: Vec<u32> = Vec::new();
        for tick in 0..1_600 {
            while limiter.check().is_ok() {
                left.push(tick);
            }
            clock.advance(step);
        }
        (0..1_200)
            .map(|from| left.iter().filter(|at| (from..from + 400).contains(*at)).count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn no_more_leaves_than_is_allowed_in_any_such_time() {
        for (amount, seconds) in [(80, 60), (500, 3_600), (900, 60), (20, 2), (100, 30), (1, 60)] {
            let bucket = bucket(amount, seconds);
            let most = most_within(&bucket);
            let allowed = usize::try_from(amount).unwrap_or(usize::MAX);
            assert!(most <= allowed.max(2), "{most} of {amount} in {seconds} s");
            assert!(most * 4 >= allowed * 3, "{most} of {amount} in {seconds} s: much is left unused");
        }
    }

    #[tokio::test]
    async fn a_long_wait_is_answered_and_names_the_allowance() {
        let limits = Limits::default();
        let noon: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap_or_else(|error| panic!("{error}"));
        let charge = Charge { bucket: bucket(80, 60), cost: 20 };
        let now = || noon;
        assert_eq!(limits.spend(std::slice::from_ref(&charge), &now).await, Ok(()));
        let refused = limits.spend(&[charge], &now).await;
        let Err(TransportError::Paused { until, scope, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(scope, LimitScope::Bucket("content".to_owned()));
        assert!(until > noon && until <= noon + TimeDelta::seconds(60), "{until}");
        let other = Charge { bucket: Bucket { name: "other".to_owned(), ..bucket(80, 60) }, cost: 20 };
        assert_eq!(limits.spend(&[other], &now).await, Ok(()), "another allowance is its own");
    }

    #[test]
    fn a_paused_allowance_holds_back_only_what_spends_of_it() {
        let limits = Limits::default();
        let noon: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap_or_else(|error| panic!("{error}"));
        let pause = |minutes| Pause { until: noon + TimeDelta::minutes(minutes), reason: "burst".to_owned() };
        let content = LimitScope::Bucket("content".to_owned());
        limits.pause(&content, pause(5));
        limits.pause(&content, pause(1));
        let charge = Charge { bucket: bucket(80, 60), cost: 1 };
        let refused = limits.refuse_while_paused(std::slice::from_ref(&charge), noon);
        let Err(TransportError::Paused { until, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(until, noon + TimeDelta::minutes(5), "a pause is never shortened");
        assert_eq!(limits.refuse_while_paused(&[], noon), Ok(()));
        assert_eq!(limits.refuse_while_paused(&[charge], noon + TimeDelta::minutes(5)), Ok(()));
        limits.pause(&LimitScope::Connection, pause(2));
        assert!(limits.refuse_while_paused(&[], noon).is_err(), "the whole connection");
    }
}
