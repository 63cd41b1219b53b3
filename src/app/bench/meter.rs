//! What is measured: requests by endpoint, time on the wall, time of the processor, memory.

use std::collections::BTreeMap;

use connector_api::fake::FakeSite;
use serde::Serialize;
use tokio::time::Instant;

/// Clock ticks a second in `/proc/self/stat`: fixed at 100 for programs (Linux, `proc(5)` and `sysconf(3)`).
const TICKS: u64 = 100;

/// What a piece of work cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cost {
    /// Requests to the tracker.
    pub requests: u64,
    /// The same by method, path template and status.
    pub by_endpoint: BTreeMap<String, u64>,
    /// Milliseconds on the wall.
    pub wall_ms: u64,
    /// Milliseconds of processor, the fake's own work included.
    pub cpu_ms: u64,
}

impl Cost {
    /// Requests that change something.
    pub fn writes(&self) -> u64 {
        self.by_endpoint.iter().filter(|(name, _)| is_write(name)).map(|(_, count)| count).sum()
    }
}

/// Whether a request changes something. Searches, bulk reads and GraphQL queries read by POST.
fn is_write(request: &str) -> bool {
    let reads = ["/search/", "bulkfetch", "/graphql", "approximate-count"];
    !request.starts_with("GET ") && !reads.iter().any(|part| request.contains(part))
}

/// A measurement under way.
pub struct Meter<'a> {
    site: &'a dyn FakeSite,
    before: usize,
    began: Instant,
    cpu: u64,
}

impl<'a> Meter<'a> {
    /// Begins at a site.
    pub fn start(site: &'a dyn FakeSite) -> Self {
        Self { site, before: site.requests().len(), began: Instant::now(), cpu: cpu_ms() }
    }

    /// What it cost up to now.
    pub fn read(&self) -> Cost {
        let (wall, cpu) = (self.began.elapsed(), cpu_ms().saturating_sub(self.cpu));
        let sent = self.site.requests().split_off(self.before);
        let mut by_endpoint = BTreeMap::new();
        for request in &sent {
            *by_endpoint.entry(request.clone()).or_insert(0) += 1;
        }
        Cost {
            requests: sent.len() as u64,
            by_endpoint,
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            cpu_ms: cpu,
        }
    }
}

/// Processor time of this process, in milliseconds; 0 where the system does not tell.
pub fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 1000 / TICKS
}

/// The most memory that this process ever held, in mebibytes; 0 where the system does not tell.
pub fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_by_post_is_no_write() {
        let table = [
            ("GET /repos/{owner}/{repo}/issues 304", false),
            ("POST /rest/api/3/search/jql 200", false),
            ("POST /rest/api/3/issue/bulkfetch 200", false),
            ("POST /rest/api/3/changelog/bulkfetch 200", false),
            ("POST /graphql 200", false),
            ("POST /rest/api/3/issue/bulk 201", true),
            ("PUT /rest/api/3/issue/{id} 200", true),
            ("PATCH /repos/{owner}/{repo}/issues/{number} 200", true),
        ];
        for (request, write) in table {
            assert_eq!(is_write(request), write, "{request}");
        }
    }

    #[test]
    fn the_system_tells_time_and_memory() {
        assert!(peak_memory_mib() > 0);
        let before = cpu_ms();
        let mut sum = 0_u64;
        while cpu_ms() < before + 20 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_ms() >= before + 20);
    }
}
