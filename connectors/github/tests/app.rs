//! Signing in as a GitHub App.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod world;

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use chrono::TimeDelta;
use connector_api::fake::{Act, FakeSite, RouterTransport};
use connector_api::{Connector, Error, ErrorKind, Fetched, LogRequest, PollFrom};
use connector_github::auth::KeyError;
use connector_github::fake::Permission;
use connector_github::{AppKey, Credentials, GitHub, GitHubConfig};
use secrecy::SecretString;
use world::{REPO, World, new, spec};

type Done = Result<(), Error>;

fn pem() -> SecretString {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = key.as_der().expect("a key");
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into()
}

/// A GitHub where our App is installed for `acme`.
fn world() -> (World, GitHub) {
    let world = World::new();
    let key = AppKey::new("Iv1.abc", &pem()).expect("a key");
    let bot = world.site.add_app(&key, "poam", &["acme"]);
    assert_eq!(bot.id, "poam[bot]");
    world.site.grant(REPO, "poam[bot]", Permission::Write).expect("granted");
    let github = connect(&world, key);
    (world, github)
}

fn connect(world: &World, key: AppKey) -> GitHub {
    let config = GitHubConfig::with(world::base(), Credentials::App(key));
    GitHub::new(config, Arc::new(RouterTransport(world.site.router())), world.now())
}

fn asked_for_tokens(world: &World) -> usize {
    world.site.requests().iter().filter(|request| request.contains("access_tokens")).count()
}

#[tokio::test]
async fn an_app_works_with_a_token_of_its_installation() -> Done {
    let (world, github) = world();
    assert_eq!(github.account().await?.id, "poam[bot]");
    let made = world::made(&github, &new(1)).await?;
    let author = made.author.clone().map(|a| a.id);
    assert_eq!(author.as_deref(), Some("poam[bot]"), "by which its own tickets are known");
    let other = world::made(&github, &new(2)).await?;
    let many = github.fetch(&[made.reference.clone(), other.reference.clone()]).await?;
    let Some(Fetched::Found(shown)) = many.into_iter().next() else { panic!("it is there") };
    assert_eq!(shown.author.map(|a| a.id), author, "through GraphQL as well");
    github.comment(&made.reference, "Hello", "m-1").await?;
    let log = github.read_log(&[LogRequest { ticket: made.reference.clone(), since: None }]).await?.remove(0);
    assert_eq!(log.comments[0].author.id, "poam[bot]");
    let report = github.check(&[spec(REPO), spec("elsewhere/api")]).await?;
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].contains("not installed for elsewhere"));
    assert_eq!(asked_for_tokens(&world), 1, "one token for all of it");
    Ok(())
}

#[tokio::test]
async fn a_token_is_got_anew_before_it_ends() -> Done {
    let (world, github) = world();
    let made = world::made(&github, &new(1)).await?;
    world.advance(TimeDelta::minutes(49));
    github.fetch(std::slice::from_ref(&made.reference)).await?;
    assert_eq!(asked_for_tokens(&world), 1);
    for _ in 0..5 {
        world.advance(TimeDelta::minutes(2));
        github.fetch(std::slice::from_ref(&made.reference)).await?;
        assert_eq!(asked_for_tokens(&world), 2, "after fifty minutes, once");
    }
    Ok(())
}

#[tokio::test]
async fn many_requests_at_once_get_one_token() -> Done {
    let (world, github) = world();
    let stream = github.streams(&[spec(REPO)]).pop().expect("a stream");
    let since = (world.now())();
    let from = PollFrom::new(None, since);
    let (a, b, c) = tokio::join!(
        github.changed_since(&stream, &from),
        github.changed_since(&stream, &from),
        github.changed_since(&stream, &from)
    );
    a.and(b).and(c)?;
    assert_eq!(asked_for_tokens(&world), 1);
    Ok(())
}

#[tokio::test]
async fn what_an_app_may_not_is_said() -> Done {
    let (world, github) = world();
    let elsewhere = connector_api::NewTicket { project: spec("elsewhere/api"), ..new(1) };
    let error = github.create(&elsewhere).await.expect_err("not installed");
    assert!(
        matches!(&error.kind, ErrorKind::Forbidden(said) if said.contains("not installed for `elsewhere`"))
    );
    let stranger = connect(&world, AppKey::new("Iv1.abc", &pem()).expect("another key"));
    let error = stranger.account().await.expect_err("another key signed");
    assert!(matches!(error.kind, ErrorKind::Auth(_)), "{error}");
    let wrong = connect(&world, AppKey::new("Iv1.other", &pem()).expect("a key"));
    assert!(matches!(wrong.account().await.expect_err("another App").kind, ErrorKind::Auth(_)));
    Ok(())
}

#[test]
fn a_key_that_is_none_is_refused_with_a_reason() {
    let refused = |text: &str| AppKey::new("1", &text.into()).err();
    assert!(matches!(refused("no key"), Some(KeyError::Pem(_))));
    let rubbish = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert!(matches!(refused(rubbish), Some(KeyError::Rsa(_))));
    let key = AppKey::new("Iv1.abc", &pem()).expect("a key");
    assert_eq!(format!("{key:?}"), "AppKey { id: \"Iv1.abc\", .. }", "nothing of the key is shown");
}

#[tokio::test]
async fn an_apps_lost_webhooks_are_asked_for_again() -> Done {
    let (world, github) = world();
    world.site.add_hook(REPO, "https://poam.example/webhooks/github").expect("a hook");
    let made = world::made(&github, &new(1)).await?;
    world.site.take_deliveries();
    world.site.set_receiver_down(true);
    world.site.act(&world.human, &made.reference.id, Act::Retitle("Lost".to_owned())).expect("they may");
    world.site.set_receiver_down(false);
    let since = (world.now())() - TimeDelta::hours(1);
    assert_eq!(github.redeliver(since).await?, 1);
    assert_eq!(world.site.take_deliveries().len(), 1);
    Ok(())
}
