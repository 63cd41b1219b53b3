//! What must be known of a site before its tickets can be read: where people open them, and which field holds their
//! sprints. Each is asked once, when it is first needed.

use connector_api::{Error, ErrorKind, Result};
use http::Method;
use url::Url;

use crate::request::Call;
use crate::{Jira, wire};

/// The kind of field that Jira keeps sprints in.
const SPRINT: &str = "com.pyxis.greenhopper.jira:gh-sprint";

impl Jira {
    pub(crate) async fn learn_site(&self) -> Result<()> {
        self.learn_address().await?;
        self.learn_sprint_field().await.map(drop)
    }

    /// Behind Atlassian's gateway, which takes scoped tokens, the address of the API is not where people go.
    pub(crate) async fn learn_address(&self) -> Result<()> {
        let told = self.config.browse_url.is_some() || self.memory().browse_url.is_some();
        if told || !self.config.base_url.path().starts_with("/ex/jira/") {
            return Ok(());
        }
        let address = self.server_info().await?.base_url.and_then(|url| Url::parse(&url).ok());
        let address = address.ok_or_else(|| {
            let why = "the site does not say where people open it".to_owned();
            Error::new("ask for the site's address", ErrorKind::Unavailable(why))
        })?;
        self.memory().browse_url = Some(address);
        Ok(())
    }

    pub(crate) async fn server_info(&self) -> Result<wire::ServerInfo> {
        let call = Call::read("ask for the site's version", Method::GET, &self.api("/serverInfo"), &[]);
        self.send(call).await?.json()
    }

    /// Finds the field of sprints, if there is one; false where the site does not list its fields.
    pub(crate) async fn learn_sprint_field(&self) -> Result<bool> {
        if self.memory().fields_known {
            return Ok(true);
        }
        let call = Call::read("ask for the fields", Method::GET, &self.api("/field"), &[]);
        let answer = self.send(call).await?;
        let listed = answer.status.is_success();
        let fields: Vec<wire::FieldInfo> = if listed { answer.json()? } else { Vec::new() };
        let sprint = fields
            .into_iter()
            .find(|field| field.schema.as_ref().and_then(|schema| schema.custom.as_deref()) == Some(SPRINT));
        let mut memory = self.memory();
        memory.sprint_field = sprint.map(|field| field.id);
        memory.fields_known = true;
        Ok(listed)
    }
}
