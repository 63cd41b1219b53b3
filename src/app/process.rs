//! What this process is called where several share a store, and whether another of this machine is still there.

use std::path::Path;

/// A name that no other process has or will have on this machine: what it does, host, number; then the boot, the space
/// of process numbers and the time of start, by which a number that came again is told apart.
pub fn named(what: &str) -> String {
    let pid = std::process::id();
    let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "this host".to_owned());
    let mark = mark(pid).unwrap_or_else(super::wiring::fresh_id);
    format!("{what} on {host}, process {pid} ({mark})")
}

/// Whether the process of that name was on this machine, and is no more. Of one that cannot be asked for, false.
pub fn died(name: &str) -> bool {
    let Some((pid, marked)) = parts(name) else { return false };
    let (Some((place, _)), Some(here)) = (marked.rsplit_once('/'), place()) else { return false };
    // Elsewhere, or before the machine was started again, nothing is known of it.
    place == here && mark(pid).as_deref() != Some(marked)
}

fn parts(name: &str) -> Option<(u32, &str)> {
    let (rest, mark) = name.strip_suffix(')')?.rsplit_once(" (")?;
    Some((rest.rsplit_once(' ')?.1.parse().ok()?, mark))
}

/// Boot and space of process numbers.
fn place() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{boot}/{}", space.display()))
}

/// Place and time of start; none where there is no such process, or this is no Linux.
fn mark(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name in brackets may hold anything; the start is the 20th field after it (proc_pid_stat(5), field 22).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    let start = fields.nth(18)?;
    (!ended).then_some(format!("{}/{start}", place()?))
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_gone_has_died() {
        let me = named("test");
        assert!(!died(&me), "{me}");
        assert!(!died("somebody else"));
        let Some((_, mark)) = parts(&me) else { panic!("{me}") };
        let Some((place, start)) = mark.rsplit_once('/') else { panic!("{mark}") };
        let pid = std::process::id();
        assert!(died(&format!("serve on here, process {pid} ({place}/{start}1)")), "its number came again");
        assert!(!died(&format!("serve on there, process {pid} (other-boot/pid:[1]/{start})")));
        let mut child = std::process::Command::new("true").spawn().unwrap_or_else(|error| panic!("{error}"));
        let gone = child.id();
        child.wait().unwrap_or_else(|error| panic!("{error}"));
        assert!(died(&format!("serve on here, process {gone} ({place}/{start})")));
    }
}
