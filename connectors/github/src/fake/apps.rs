//! GitHub Apps: signed in by a token of their own signature, given others for each installation.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::model::Model;
use super::routes::{Answer, Reply};
use super::view::time;

/// An App that is registered here.
pub(super) struct App {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) public_key: Vec<u8>,
    /// Installation id and whose repositories it is for.
    pub(super) installations: Vec<(u64, String)>,
}

/// An installation's token.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) owner: String,
    pub(super) until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

/// Whether a text is a token that an App signed itself.
pub(super) fn is_signed(token: &str) -> bool {
    token.split('.').count() == 3
}

/// The App that signed a token, if it is good now.
fn signer<'a>(model: &'a Model, token: &str) -> Result<&'a App, Reply> {
    let bad = |said: &str| Reply::problem(401, said);
    let app = model.app.as_ref().ok_or_else(|| bad("Integration not found"))?;
    let (signed, signature) =
        token.rsplit_once('.').ok_or_else(|| bad("A JSON web token could not be decoded"))?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &app.public_key);
    key.verify(signed.as_bytes(), &decode(signature))
        .map_err(|_| bad("A JSON web token could not be decoded"))?;
    let claims = decode(signed.split('.').nth(1).unwrap_or_default());
    let claims: Claims =
        serde_json::from_slice(&claims).map_err(|_| bad("A JSON web token could not be decoded"))?;
    let now = model.time().timestamp();
    if claims.iss != app.id {
        return Err(bad("Integration not found"));
    }
    if claims.iat > now {
        return Err(bad(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    if claims.exp <= now || claims.exp > now + 600 {
        return Err(bad("'Expiration time' claim ('exp') is too far in the future"));
    }
    Ok(app)
}

/// What an App asks in its own name.
pub(super) fn answer(model: &mut Model, method: &Method, rest: &[&str], token: &str) -> Answer {
    let app = signer(model, token)?;
    match (method.as_str(), rest) {
        ("GET", []) => {
            Ok(Reply::ok(json!({ "id": 1, "slug": app.slug, "name": app.slug, "client_id": app.id })))
        }
        ("GET", ["installations"]) => {
            let all: Vec<Value> = app
                .installations
                .iter()
                .map(|(id, owner)| {
                    json!({ "id": id, "account": { "login": owner }, "suspended_at": null,
                        "permissions": { "issues": "write", "metadata": "read" } })
                })
                .collect();
            Ok(Reply::ok(Value::from(all)))
        }
        ("POST", ["installations", id, "access_tokens"]) => {
            let found = app.installations.iter().find(|(known, _)| known.to_string() == *id).cloned();
            let (id, owner) = found.ok_or_else(Reply::not_found)?;
            let login = format!("{}[bot]", app.slug);
            let until = model.time() + TimeDelta::hours(1);
            let token = format!("ghs_{id}_{}", model.next_id());
            model.add_user(&login, Some(&token));
            model.installed.insert(token.clone(), Installed { owner, until });
            let body =
                json!({ "token": token, "expires_at": time(until), "permissions": { "issues": "write" } });
            Ok(Reply { status: 201, body, headers: Vec::new() })
        }
        ("GET", ["hook", "deliveries"]) => Ok(Reply::ok(Value::from(model.attempts_of(None)))),
        ("POST", ["hook", "deliveries", id, "attempts"]) => model.deliver_again(None, id),
        _ => Err(Reply::not_found()),
    }
}
