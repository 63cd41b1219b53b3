//! Signing in: by a token, or as a GitHub App, whose installations give tokens that last an hour (GitHub Apps guide,
//! "Generating a JSON Web Token", "Authenticating as a GitHub App installation").

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Account, Error, ErrorKind, Result};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::request::{Acting, Answer, Call, Site};
use crate::wire::{User, shown};

/// A signature of ours is good from a minute ago, for clocks that are apart, and for no longer than GitHub takes it.
const EARLIER: TimeDelta = TimeDelta::seconds(60);
const LATER: TimeDelta = TimeDelta::seconds(540);
/// An installation's token lasts an hour; it is got anew before that.
const FRESH: TimeDelta = TimeDelta::minutes(50);

/// How a connection signs in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A personal access token.
    Token(SecretString),
    /// A GitHub App.
    App(AppKey),
}

/// A GitHub App's id and private key.
#[derive(Clone)]
pub struct AppKey {
    id: String,
    key: Arc<RsaKeyPair>,
}

/// Why a private key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM text with a private key in it.
    #[error("the private key is not in PEM, as GitHub gives it: {0}")]
    Pem(String),
    /// Of another kind, damaged, or too short.
    #[error("the private key is no RSA key of 2048 bits or more: {0}")]
    Rsa(String),
}

impl AppKey {
    /// Reads the private key that GitHub gave for the App of this app id or client id.
    pub fn new(id: impl Into<String>, pem: &SecretString) -> std::result::Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|error| KeyError::Pem(error.to_string()))?;
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(_) | _ => return Err(KeyError::Rsa("it is of another kind".to_owned())),
        };
        let key = key.map_err(|error| KeyError::Rsa(error.to_string()))?;
        Ok(Self { id: id.into(), key: Arc::new(key) })
    }

    /// What GitHub knows of the App: its id and its public key.
    #[cfg(feature = "fakes")]
    pub(crate) fn public(&self) -> (String, Vec<u8>) {
        use aws_lc_rs::signature::KeyPair as _;
        (self.id.clone(), self.key.public_key().as_ref().to_vec())
    }

    /// A token in the App's own name, good for some minutes from `now`.
    fn sign(&self, now: DateTime<Utc>) -> Result<SecretString> {
        let (from, to) = (now - EARLIER, now + LATER);
        let claims = json!({ "iat": from.timestamp(), "exp": to.timestamp(), "iss": self.id });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        // What is random in other schemes is not in this one.
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(
            |_| Error::new("sign in", ErrorKind::Auth("the private key does not sign".to_owned())),
        )?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("AppKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How requests are signed.
pub(crate) enum Auth {
    Token(SecretString),
    App(App),
}

impl Auth {
    pub(crate) fn is_app(&self) -> bool {
        matches!(self, Self::App(_))
    }
}

impl From<Credentials> for Auth {
    fn from(credentials: Credentials) -> Self {
        match credentials {
            Credentials::Token(token) => Self::Token(token),
            Credentials::App(key) => Self::App(App { key, known: tokio::sync::Mutex::default() }),
        }
    }
}

/// An App and what it has got so far.
pub(crate) struct App {
    key: AppKey,
    /// Held while a token is got, so that many requests at once get it once.
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By owner, in lower case.
    installations: BTreeMap<String, Installation>,
    /// Token by installation, and until when it is used.
    tokens: BTreeMap<u64, (SecretString, DateTime<Utc>)>,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    account: Option<Owner>,
    suspended_at: Option<String>,
    /// `write` or `read`, by what it is for.
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Owner {
    login: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    token: SecretString,
}

#[derive(Deserialize)]
struct AppAnswer {
    slug: String,
}

/// The account that we write as, with the answer that told it. An App's is called `name[bot]`.
pub(crate) async fn account(site: &Site) -> Result<(Account, Answer)> {
    let what = "ask who we are";
    match &site.auth {
        Auth::Token(_) => {
            let answer = site.send(&Call::get(what, site.url(&["user"])?)).await?;
            Ok((answer.json::<User>()?.account(), answer))
        }
        Auth::App(_) => {
            let answer = site.send(&Call::get(what, site.url(&["app"])?).acting(Acting::App)).await?;
            let AppAnswer { slug } = answer.json()?;
            Ok((User { login: format!("{slug}[bot]") }.account(), answer))
        }
    }
}

impl App {
    /// What a request is signed with.
    pub(crate) async fn bearer(&self, site: &Site, acting: &Acting) -> Result<SecretString> {
        match acting {
            Acting::App => self.key.sign((site.now)()),
            Acting::On(owner) => self.token(site, &owner.to_lowercase()).await,
        }
    }

    /// Forgets the tokens it has got: the site does not take one of them any more.
    pub(crate) async fn forget(&self) {
        self.known.lock().await.tokens.clear();
    }

    async fn token(&self, site: &Site, owner: &str) -> Result<SecretString> {
        let now = (site.now)();
        let mut known = self.known.lock().await;
        if !known.installations.contains_key(owner) {
            known.installations = installations(site).await?;
        }
        let Some(id) = known.installations.get(owner).map(|installation| installation.id) else {
            let said = format!("the GitHub App is not installed for `{}`", shown(owner));
            return Err(Error::new("sign in", ErrorKind::Forbidden(said)));
        };
        if let Some((token, until)) = known.tokens.get(&id)
            && now < *until
        {
            return Ok(token.clone());
        }
        let url = site.url(&["app", "installations", &id.to_string(), "access_tokens"])?;
        let call = Call::question(format!("get a token for {owner}"), url, json!({}));
        let answer = site.send(&call.acting(Acting::App)).await;
        if answer.as_ref().is_err_and(|error| error.kind == ErrorKind::NotFound) {
            // Installed anew, perhaps: the next request looks again.
            known.installations.clear();
        }
        let Issued { token } = answer?.json()?;
        known.tokens.insert(id, (token.clone(), now + FRESH));
        Ok(token)
    }

    /// What the App may do in an owner's repositories: nothing where it is not installed.
    pub(crate) async fn permissions(&self, site: &Site, owner: &str) -> Result<BTreeMap<String, String>> {
        let mut known = self.known.lock().await;
        known.installations = installations(site).await?;
        let installation = known.installations.get(&owner.to_lowercase());
        Ok(installation.map(|installation| installation.permissions.clone()).unwrap_or_default())
    }
}

async fn installations(site: &Site) -> Result<BTreeMap<String, Installation>> {
    let mut url = site.url(&["app", "installations"])?;
    url.query_pairs_mut().append_pair("per_page", "100");
    let call = Call::get("look where the GitHub App is installed", url).acting(Acting::App);
    let all = site.list::<Installation>(call).await?.entries;
    let active = all.into_iter().filter(|one| one.suspended_at.is_none());
    let by_owner = |one: Installation| {
        let owner = one.account.as_ref()?.login.as_ref()?.to_lowercase();
        Some((owner, one))
    };
    Ok(active.filter_map(by_owner).collect())
}
