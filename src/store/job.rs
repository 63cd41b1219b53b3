//! Leases, and jobs as rows with a due time. Both are claimed by a conditional write, so several processes on one
//! database share the work, and what a crashed one held comes free by time.

use chrono::{DateTime, TimeDelta, Utc};

use super::column::micros;
use super::table::{fetch, table};
use super::tx::on;
use super::{StoreError, Tx};

table! {
    /// A lease.
    LeaseRow in "lease" key "name" {
        name: String,
        owner: String,
        until: DateTime<Utc>,
        epoch: i64,
    }
}

table! {
    /// A job.
    JobRow in "job" key "name" {
        name: String,
        due_at: DateTime<Utc>,
        owner: Option<String>,
        claimed_until: Option<DateTime<Utc>>,
        last_run: Option<DateTime<Utc>>,
        last_result: Option<String>,
    }
}

/// The right to do something alone, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What for: `connection jira-cloud`.
    pub name: String,
    /// Who holds it: an id of the process.
    pub owner: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Raised each time it changes hands, so that a holder of old is told apart.
    pub epoch: i64,
}

/// A job: what is to be done at a time, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Next at.
    pub due_at: DateTime<Utc>,
    /// When it last ended.
    pub last_run: Option<DateTime<Utc>>,
    /// How it last ended: `ok`, or the failure.
    pub last_result: Option<String>,
}

impl LeaseRow {
    fn lease(self) -> Lease {
        Lease { name: self.name, owner: self.owner, until: self.until, epoch: self.epoch }
    }
}

impl JobRow {
    fn job(self) -> Job {
        Job { name: self.name, due_at: self.due_at, last_run: self.last_run, last_result: self.last_result }
    }
}

impl Tx {
    /// Takes a lease, or prolongs it where `owner` holds it. None while another holds it, and for `grace` after it
    /// ran out: what the last holder sent may still arrive that long.
    pub async fn claim_lease(
        &mut self,
        name: &str,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        grace: TimeDelta,
    ) -> Result<Option<Lease>, StoreError> {
        const SQL: &str = "INSERT INTO lease (name, owner, until, epoch) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until, \
             epoch = CASE WHEN lease.owner = excluded.owner THEN lease.epoch ELSE lease.epoch + 1 END \
             WHERE lease.owner = excluded.owner OR lease.until <= $4 \
             RETURNING name, owner, until, epoch";
        let free = micros(now - grace);
        let row = fetch!(self, LeaseRow, SQL, name, owner, micros(until), free)?.pop();
        Ok(row.map(LeaseRow::lease))
    }

    /// A lease as it stands, whoever holds it and whether or not it ran out.
    pub async fn lease(&mut self, name: &str) -> Result<Option<Lease>, StoreError> {
        let row = fetch!(self, LeaseRow, "SELECT * FROM lease WHERE name = $1", name)?.pop();
        Ok(row.map(LeaseRow::lease))
    }

    /// Gives a lease up, where `owner` holds it: it is free at once, since nothing of its holder is under way.
    pub async fn release_lease(&mut self, name: &str, owner: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE lease SET until = $3 WHERE name = $1 AND owner = $2";
        on!(self, c => {
            sqlx::query(SQL).bind(name).bind(owner).bind(DateTime::<Utc>::UNIX_EPOCH).execute(c).await.map(drop)
        })?;
        Ok(())
    }

    /// Adds a job that is not there yet; one that is keeps its time.
    pub async fn ensure_job(&mut self, name: &str, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO job (name, due_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        on!(self, c => sqlx::query(SQL).bind(name).bind(micros(due_at)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Sets when a job is due next: its schedule changed, or somebody asks for it now.
    pub async fn set_job_due(&mut self, name: &str, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE job SET due_at = $2 WHERE name = $1";
        on!(self, c => sqlx::query(SQL).bind(name).bind(micros(due_at)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Claims the job that is due longest, among these, until a time; none where nothing is due or all is claimed.
    pub async fn claim_job(
        &mut self,
        names: &[String],
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Job>, StoreError> {
        const DUE: &str = "SELECT * FROM job WHERE due_at <= $1 \
             AND (claimed_until IS NULL OR claimed_until <= $1) ORDER BY due_at, name";
        const CLAIM: &str = "UPDATE job SET owner = $2, claimed_until = $3 WHERE name = $1 AND due_at <= $4 \
             AND (claimed_until IS NULL OR claimed_until <= $4) \
             RETURNING name, due_at, owner, claimed_until, last_run, last_result";
        let now = micros(now);
        for row in fetch!(self, JobRow, DUE, now)? {
            if !names.contains(&row.name) {
                continue;
            }
            let claimed = fetch!(self, JobRow, CLAIM, &row.name, owner, micros(until), now)?.pop();
            if claimed.is_some() {
                return Ok(claimed.map(JobRow::job));
            }
        }
        Ok(None)
    }

    /// Ends a job's run and says when it is due next. False where `owner` no longer holds it: another has it.
    pub async fn finish_job(
        &mut self,
        name: &str,
        owner: &str,
        now: DateTime<Utc>,
        result: &str,
        due_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE job SET owner = NULL, claimed_until = NULL, last_run = $3, last_result = $4, \
             due_at = $5 WHERE name = $1 AND owner = $2";
        let done = on!(self, c => {
            let query = sqlx::query(SQL).bind(name).bind(owner).bind(micros(now)).bind(result);
            query.bind(micros(due_at)).execute(c).await.map(|done| done.rows_affected())
        })?;
        Ok(done == 1)
    }

    /// Every job, by its name.
    pub async fn jobs(&mut self) -> Result<Vec<Job>, StoreError> {
        let rows = fetch!(self, JobRow, "SELECT * FROM job ORDER BY name")?;
        Ok(rows.into_iter().map(JobRow::job).collect())
    }
}
