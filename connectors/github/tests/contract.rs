//! The suite of every connector, against the fake GitHub.

mod world;

use world::World;

#[tokio::test]
async fn the_connector_keeps_its_contract() {
    let world = World::new();
    connector_api::contract::run(&world.subject()).await;
}
