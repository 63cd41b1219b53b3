//! Limits and how they are told, the end of a token, and webhooks that did not arrive.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::error::LimitScope;
use connector_api::fake::{Act, FakeSite, RouterTransport};
use connector_api::{Connector, Error, ErrorKind, Outcome};
use connector_github::fake::{Limit, Permission};
use connector_github::{GitHub, GitHubConfig, limits};
use secrecy::SecretString;
use world::{ELSEWHERE, REPO, World, new, spec};

type Done = Result<(), Error>;

fn limited(error: Error) -> (DateTime<Utc>, LimitScope, String) {
    assert_eq!(error.outcome, Outcome::NotDone, "a refused write was not done");
    let ErrorKind::RateLimited { until, scope, reason } = error.kind else { panic!("limited: {error:?}") };
    (until, scope, reason)
}

#[tokio::test]
async fn each_kind_of_limit_pauses_what_it_is_about() -> Done {
    let world = World::new();
    let github = world.connector();
    let made = world::made(&github, &new(1)).await?;
    let now = (world.now())();
    let minute = now + TimeDelta::seconds(60);
    let content = LimitScope::Bucket(limits::CONTENT_PER_MINUTE.to_owned());
    for (limit, until, scope) in [
        (Limit::Secondary(Some(17)), now + TimeDelta::seconds(17), LimitScope::Connection),
        (Limit::Secondary(None), minute, LimitScope::Connection),
        (Limit::Content, minute, content),
        (Limit::Unknown, minute, LimitScope::Connection),
    ] {
        world.site.set_limit(Some(limit));
        let error = github.comment(&made.reference, "Hello", "m-1").await.expect_err("limited");
        let told = limited(error);
        assert_eq!((told.0, told.1), (until, scope), "{limit:?}");
    }
    world.site.set_limit(Some(Limit::Content));
    github.fetch(std::slice::from_ref(&made.reference)).await?;
    world.site.set_limit(None);
    github.comment(&made.reference, "Hello", "m-1").await?;
    Ok(())
}

/// What a careful sender would know: what it spent of each allowance.
#[derive(Default)]
struct Purse(BTreeMap<String, Vec<(DateTime<Utc>, u32)>>);

impl Purse {
    /// Whether a request fits now; then it is counted.
    fn admits(&mut self, request: &http::Request<bytes::Bytes>, now: DateTime<Utc>) -> bool {
        let charges = limits::charges(request);
        let fits = charges.iter().all(|charge| {
            let within = TimeDelta::from_std(charge.bucket.per).expect("a time");
            let spent = self.0.get(&charge.bucket.name).into_iter().flatten();
            let spent: u32 = spent.filter(|(at, _)| now - *at < within).map(|(_, cost)| cost).sum();
            spent + charge.cost <= charge.bucket.amount
        });
        if fits {
            for charge in charges {
                self.0.entry(charge.bucket.name).or_default().push((now, charge.cost));
            }
        }
        fits
    }
}

#[tokio::test]
async fn who_keeps_the_stated_limits_is_never_refused_and_who_does_not_is() -> Done {
    let world = World::new();
    let github = world.connector();
    world.site.enforce_limits();
    let mut purse = Purse::default();
    let request = |method: &str, path: &str| {
        http::Request::builder().method(method).uri(path).body(bytes::Bytes::new()).expect("a request")
    };
    let create = request("POST", "/repos/acme/api/issues");
    // The label that all tickets have is made with the first one.
    assert!(purse.admits(&request("POST", "/repos/acme/api/labels"), (world.now())()));
    let mut made = 0;
    while made < 90 {
        if purse.admits(&create, (world.now())()) {
            github.create(&new(made)).await?;
            made += 1;
        } else {
            world.advance(TimeDelta::seconds(1));
        }
    }
    let mut refused = None;
    for n in made..made + 81 {
        refused = github.create(&new(n)).await.err();
        if refused.is_some() {
            break;
        }
    }
    let (until, scope, reason) = limited(refused.expect("eighty a minute"));
    assert_eq!(scope, LimitScope::Bucket(limits::CONTENT_PER_MINUTE.to_owned()));
    assert_eq!(reason, "secondary rate limit");
    world.advance(until - (world.now())());
    github.create(&new(1_000)).await?;
    Ok(())
}

#[tokio::test]
async fn the_end_of_the_token_is_known_from_any_answer() -> Done {
    let world = World::new();
    let github = world.connector();
    github.account().await?;
    assert_eq!(github.expires_at(), None, "a token without an end tells none");
    let end = (world.now())() + TimeDelta::days(9);
    world.site.set_token_end(Some(end));
    let made = world::made(&github, &new(1)).await?;
    assert_eq!(github.expires_at(), Some(end));
    assert!(made.author.is_some());
    Ok(())
}

fn hooked(world: &World, url: Option<&str>) -> GitHub {
    let mut config = GitHubConfig::new(world::base(), SecretString::from(world::TOKEN));
    config.projects = vec![spec(REPO), spec(ELSEWHERE)];
    config.webhook_url = url.map(|url| url.parse().expect("an address"));
    GitHub::new(config, Arc::new(RouterTransport(world.site.router())), world.now())
}

#[tokio::test]
async fn webhooks_that_did_not_arrive_are_asked_for_again_once() -> Done {
    const OURS: &str = "https://poam.example/webhooks/github";
    let world = World::new();
    world.site.add_hook(REPO, OURS).expect("a hook");
    world.site.add_hook(ELSEWHERE, "https://others.example/hook").expect("a hook");
    let github = hooked(&world, Some(OURS));
    let made = world::made(&github, &new(1)).await?;
    let other = connector_api::NewTicket { project: spec(ELSEWHERE), ..new(2) };
    let other = world::made(&github, &other).await?;
    world.site.take_deliveries();
    let act = |ticket: &connector_api::Ticket, title: &str| {
        world.site.act(&world.human, &ticket.reference.id, Act::Retitle(title.to_owned())).expect("they may");
    };
    let start = (world.now())();
    act(&made, "Arrives");
    world.site.set_receiver_down(true);
    act(&made, "Lost too long ago");
    world.advance(TimeDelta::hours(71));
    for n in 0..40 {
        act(&made, &format!("Lost {n}"));
    }
    act(&other, "Lost, and not ours to ask for");
    world.advance(TimeDelta::hours(2));
    world.site.set_receiver_down(false);
    assert_eq!(world.site.take_deliveries().len(), 1);

    assert_eq!(github.redeliver(start).await?, 40, "those of the last three days, of our own hook");
    let again = world.site.take_deliveries();
    let ids: Vec<_> = again.iter().filter_map(|d| d.headers.get("x-github-delivery")).collect();
    assert_eq!(ids.len(), 40);
    assert!(again.iter().all(|d| !String::from_utf8_lossy(&d.body).contains("not ours")));
    assert_eq!(github.redeliver(start).await?, 0, "each once");
    assert_eq!(hooked(&world, Some(OURS)).redeliver(start).await?, 0, "whoever asked");

    world.site.set_receiver_down(true);
    act(&made, "Lost again and again");
    let late = (world.now())();
    assert_eq!(github.redeliver(late).await?, 1);
    assert_eq!(github.redeliver(late).await?, 0, "also where it was lost once more");
    Ok(())
}

#[tokio::test]
async fn who_may_not_see_the_hooks_cannot_ask() -> Done {
    let world = World::new();
    let since = (world.now())() - TimeDelta::hours(1);
    let unsupported = |error: Error| matches!(error.kind, ErrorKind::Unsupported(_));
    assert!(unsupported(hooked(&world, None).redeliver(since).await.expect_err("no address")));
    for repo in [REPO, ELSEWHERE] {
        world.site.grant(repo, "poam-bot", Permission::Write).expect("granted");
        world.site.add_hook(repo, "https://poam.example/webhooks/github").expect("a hook");
    }
    let github = hooked(&world, Some("https://poam.example/webhooks/github"));
    assert!(unsupported(github.redeliver(since).await.expect_err("no administrator")));
    Ok(())
}
