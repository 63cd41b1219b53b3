//! The bench counts what it says: the fewest requests that the sites' interfaces allow.

#![expect(clippy::expect_used, reason = "a bench that cannot be run fails the test")]

use poam::app::bench::stage::Size;
use poam::app::bench::sync::{Ratio, run};

#[tokio::test]
async fn the_bridge_asks_no_more_than_the_interfaces_make_it() {
    let report = run(Size { links: 200, trackers: 4 }, &|_| {}).await.expect("a report");
    let idle = &report.idle.github;
    assert_eq!(idle.requests, 4, "a poll of each repository: {idle:?}");
    assert!(idle.by_endpoint.keys().all(|name| name.ends_with("304")), "which finds nothing: {idle:?}");
    assert_eq!(report.idle.jira.requests, 1, "{:?}", report.idle.jira);
    let edits = &report.pull;
    assert_eq!(edits.github.requests, 5, "four polls, and what changed at once: {:?}", edits.github);
    assert_eq!(edits.jira.requests, 2, "a search and the histories: {:?}", edits.jira);
    let push = &report.push;
    assert_eq!(push.requests_per_change, Ratio::Whole(1), "{:?}", push.cost);
    assert!(push.reads <= 2, "50 tickets on each kind are looked at once: {:?}", push.cost);
    assert_eq!(report.create.tickets, 200);
    assert_eq!(report.create.jira.requests, 4, "fifty at once: {:?}", report.create.jira);
}
