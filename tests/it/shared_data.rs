//! Real files, which are not part of the project: found beside the repository or where `POAM_SHARED_DATA` says.

use std::path::PathBuf;

/// The bytes of a file below the data folder; `None`, with a line that says so, where it is absent.
pub(crate) fn bytes(path: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("POAM_SHARED_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let file = folder.join(path);
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is absent", file.display());
    }
    bytes
}
