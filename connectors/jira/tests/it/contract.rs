//! The suite of every connector, against the fake Jira: both flavours, and sites that lack what they may lack.

use crate::world::World;
use connector_jira::Flavor;
use connector_jira::fake::Lacks;

#[tokio::test]
async fn cloud() {
    connector_api::contract::run(&World::new(Flavor::Cloud).subject()).await;
}

#[tokio::test]
async fn data_center() {
    connector_api::contract::run(&World::new(Flavor::DataCenter).subject()).await;
}

#[tokio::test]
async fn a_cloud_without_properties_and_bulk_calls() {
    let world = World::new(Flavor::Cloud);
    world.site.set_lacks(Lacks { properties: true, bulk: true });
    connector_api::contract::run(&world.subject()).await;
}
