//! The description of the API, as OpenAPI 3.1.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::schema::OBJECTS;
use super::{Gives, Kind, Param, ROUTES, Route, full};
use crate::web::Web;
use crate::web::auth::OPEN;
use crate::web::error::PROBLEM;

/// `GET /api/v1/openapi.json`: needs no token.
pub(super) async fn serve(State(_): State<Arc<Web>>) -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut paths: Map<String, Value> =
        ROUTES.iter().map(|route| (full(route.path), json!({ "get": operation(route) }))).collect();
    paths.insert(OPEN.to_owned(), json!({ "get": description() }));
    let mut schemas: Map<String, Value> =
        OBJECTS.iter().map(|object| (object.name.to_owned(), object.schema())).collect();
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "poam-bridge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The POA&M register, read only. Every member is always there, null where nothing is \
                known. Days are in the system's calendar; times are UTC with six decimals. A list comes in \
                pages: pass `next` as `after` until it is null. A system that the token does not open is not there.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Made by `poam token add`." },
            },
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "Why it was refused",
                    "content": { PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } },
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(route.query.iter().map(parameter));
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schema = match route.gives {
        Gives::One(name) => reference(name),
        Gives::Pages(name) => json!({
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": { "type": "array", "items": reference(name) },
                "next": { "type": ["string", "null"], "description": "Where the next page begins" },
            },
        }),
    };
    json!({
        "operationId": route.name,
        "summary": route.about,
        "parameters": parameters,
        "responses": {
            "200": { "description": "As asked", "content": { "application/json": { "schema": schema } } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    })
}

fn parameter(param: &Param) -> Value {
    let schema = match &param.kind {
        Kind::Text | Kind::Since => json!({ "type": "string" }),
        Kind::Number => json!({ "type": "integer", "minimum": 1 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Words(words) => json!({ "type": "array", "items": { "type": "string", "enum": words() } }),
    };
    let mut parameter =
        json!({ "name": param.name, "in": "query", "description": param.about, "schema": schema });
    if let (Kind::Words(_), Some(parameter)) = (&param.kind, parameter.as_object_mut()) {
        // One parameter with commas, not one for each word.
        parameter.insert("style".to_owned(), json!("form"));
        parameter.insert("explode".to_owned(), json!(false));
    }
    parameter
}

fn description() -> Value {
    json!({
        "operationId": "openapi",
        "summary": "This description.",
        "security": [],
        "responses": {
            "200": { "description": "As asked", "content": { "application/json": { "schema": { "type": "object" } } } },
        },
    })
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "parameter": { "type": "string", "description": "The parameter that is at fault" },
        },
    })
}
