//! What the store holds of the installation: its id, and the texts of rule files.

use super::table::{fetch, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::Digest;

table! {
    /// The text of a rule file.
    RuleTextRow in "rule_text" key "digest" {
        digest: String,
        name: String,
        text: String,
    }
}

impl Tx {
    /// This installation's id, 32 hexadecimal digits; `fresh` becomes it in a store that has none yet.
    pub async fn installation(&mut self, fresh: &str) -> Result<String, StoreError> {
        const SQL: &str = "INSERT INTO installation (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
        if let Some(id) = self.installed().await? {
            return Ok(id);
        }
        on!(self, c => sqlx::query(SQL).bind(fresh).execute(c).await.map(drop))?;
        Ok(self.installed().await?.unwrap_or_else(|| fresh.to_owned()))
    }

    /// The same where it is there; a store that was never opened for writing has none.
    pub async fn installed(&mut self) -> Result<Option<String>, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar("SELECT id FROM installation").fetch_optional(c).await)?)
    }

    /// Keeps the text of a rule file under its digest, which it gives.
    pub async fn put_rule_text(&mut self, name: &str, text: &str) -> Result<Digest, StoreError> {
        let digest = Digest::of(text.as_bytes());
        let row = RuleTextRow { digest: digest.to_string(), name: name.to_owned(), text: text.to_owned() };
        RuleTextRow::upsert(self, &[row]).await?;
        Ok(digest)
    }

    /// The text of a rule file by its digest.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the text is not what the digest is of.
    pub async fn rule_text(&mut self, digest: &Digest) -> Result<Option<String>, StoreError> {
        let row = fetch!(self, RuleTextRow, "SELECT * FROM rule_text WHERE digest = $1", digest.as_str())?;
        let Some(row) = row.into_iter().next() else { return Ok(None) };
        if Digest::of(row.text.as_bytes()) != *digest {
            return Err(StoreError::corrupt(RuleTextRow::TABLE, digest, "its text was changed"));
        }
        Ok(Some(row.text))
    }
}
