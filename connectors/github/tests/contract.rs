//! The suite of every connector, against the fake GitHub: as github.com answers, and as plainer sites do.

mod world;

use connector_github::fake::GraphFault;
use world::World;

#[tokio::test]
async fn the_connector_keeps_its_contract() {
    let world = World::new();
    connector_api::contract::run(&world.subject()).await;
}

#[tokio::test]
async fn the_connector_keeps_its_contract_without_graphql() {
    for fault in [GraphFault::Absent, GraphFault::UnknownField] {
        let world = World::new();
        world.site.set_graph_fault(Some(fault));
        connector_api::contract::run(&world.subject()).await;
    }
}

#[tokio::test]
async fn the_connector_keeps_its_contract_where_due_dates_are_milestones() {
    let world = World::new();
    connector_api::contract::run(&world.due_with_milestones()).await;
}
