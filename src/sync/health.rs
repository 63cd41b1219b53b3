//! How a tracker's own polls go: those of a repository that is a stream by itself. What covers all of a connection is the
//! connection's own health.

use connector_api::ProjectSpec;

use super::World;
use super::mapping::Tracker;
use crate::store::{Health, StreamHealth};

/// The health of the stream that polls `tracker` and not its whole connection; none where there is no such stream, or
/// it was never polled.
pub fn of_tracker<'a>(world: &World, tracker: &Tracker, all: &'a [StreamHealth]) -> Option<&'a Health> {
    let connector = world.connector(&tracker.connection).ok()?;
    let projects: Vec<ProjectSpec> =
        world.settings.trackers_on(&tracker.connection).map(|tracker| tracker.project.clone()).collect();
    let streams = connector.streams(&projects);
    if streams.len() < 2 {
        return None;
    }
    let stream = streams.iter().find(|stream| stream.projects.contains(&tracker.project))?;
    let known = all.iter().filter(|of| of.health.connection == tracker.connection);
    known.into_iter().find(|of| of.stream == stream.name).map(|of| &of.health)
}
