//! Where a site is, who we are there, and what it keeps its dates in.

use connector_api::{Connector, ErrorKind, ScheduledEnd};
use connector_jira::fake::SPRINT_FIELD;
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use connector_api::fake::FakeSite;

use crate::world::{PROJECT, World, day, made, new_ticket, poll, sent_since, spec};

fn at(world: &World, address: &str, auth: Auth) -> Jira {
    let url = Url::parse(address).expect("an address");
    let config = JiraConfig { base_url: url, auth, ..world.config() };
    Jira::new(config, world.transport(), world.now())
}

#[tokio::test]
async fn a_scoped_token_goes_through_the_gateway_and_people_to_the_site() {
    let world = World::new(Flavor::Cloud);
    let scoped = world.site.add_scoped_login(&world.us, "bridge@acme.test", "scoped-token", "cloud-1");
    let gateway = "https://api.atlassian.com/ex/jira/cloud-1";
    let jira = at(&world, gateway, scoped.clone());
    let report = jira.check(&[spec(PROJECT)]).await.expect("a report");
    assert_eq!(report.problems, Vec::<String>::new());
    let first = made(&jira, &new_ticket(1)).await;
    assert_eq!(first.reference.url, format!("http://jira.test/browse/{}", first.reference.key));
    let before = world.site.requests().len();
    let many = jira.create_many(&[new_ticket(2), new_ticket(3)]).await;
    let url = &many[1].as_ref().expect("a ticket").reference.url;
    assert!(url.starts_with("http://jira.test/browse/ACME-"), "{url}");
    assert_eq!(poll(&world, &jira, None).await.tickets.len(), 3);
    let sent = sent_since(&world, before);
    let api = |line: &str| format!("POST /ex/jira/cloud-1/rest/api/3/{line}");
    assert_eq!(sent, [api("issue/bulk 201"), api("search/jql 200")], "the address is asked for once");

    let Auth::Basic { token, .. } = scoped.clone() else { panic!("a scoped token comes with an address") };
    let as_bearer = at(&world, gateway, Auth::Bearer(token));
    assert_eq!(as_bearer.account().await.expect("us").id, world.us.id, "service accounts send it alone");

    for (address, auth) in [("http://jira.test", scoped), (gateway, world.config().auth)] {
        let error = at(&world, address, auth).account().await.expect_err("an error");
        assert!(matches!(error.kind, ErrorKind::Auth(_)), "{address}: {error}");
    }
}

#[tokio::test]
async fn a_data_center_that_takes_us_for_anyone_tells_nothing() {
    let world = World::new(Flavor::DataCenter);
    let made = made(&world.connector(), &new_ticket(1)).await;
    world.site.set_open_to_anyone(true);
    let jira = at(&world, "http://jira.test", Auth::Bearer(SecretString::from("expired")));
    let auth = |error: connector_api::Error| assert!(matches!(error.kind, ErrorKind::Auth(_)), "{error}");
    auth(jira.fetch(std::slice::from_ref(&made.reference)).await.expect_err("not missing"));
    auth(jira.find_marker(&spec(PROJECT), &new_ticket(1).marker).await.expect_err("not none"));
    auth(jira.survey(&[made.reference.clone(), made.reference]).await.expect_err("not missing"));
    auth(jira.account().await.expect_err("nobody"));
    let report = jira.check(&[spec(PROJECT)]).await;
    let told = report.map_or_else(|error| error.to_string(), |report| report.problems.join(" "));
    assert!(told.contains("credentials"), "{told}");
}

#[tokio::test]
async fn the_sprint_is_read_without_a_check() {
    let world = World::new(Flavor::Cloud);
    world.site.set_project(PROJECT, |project| {
        project.fields.insert(SPRINT_FIELD.to_owned(), false);
    });
    let config = JiraConfig { sprint_field: None, ..world.config() };
    let jira = Jira::new(config, world.transport(), world.now());
    let ticket = made(&jira, &new_ticket(1)).await;
    let sprint =
        json!([{"id": 7, "name": "Sprint 7", "state": "active", "endDate": "2027-01-31T10:00:00.000Z"}]);
    world.site.set_field(&world.human, &ticket.reference.id, SPRINT_FIELD, sprint).expect("an edit");
    let seen = poll(&world, &jira, None).await.tickets.remove(0);
    let end = day(2027, 1, 31).expect("a day");
    let wanted = ScheduledEnd { kind: "sprint".to_owned(), name: "Sprint 7".to_owned(), date: end };
    assert_eq!(seen.scheduled, [wanted]);
    let asked = world.site.requests().iter().filter(|line| line.contains("/field")).count();
    assert_eq!(asked, 1, "the list of fields is read once");
}
