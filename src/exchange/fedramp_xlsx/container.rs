//! What is looked at before a workbook is opened: what kind of file it is, and whether unpacking it stays within bounds.
//!
//! A workbook is a ZIP archive. A hostile one may name small sizes and unpack to gigabytes, or announce so many texts that the reader
//! reserves memory for them before seeing any. So every part is unpacked here once, into nothing, and counted.

use std::io::{Cursor, Read};

use super::{Limits, ReadError};

/// Refuses what is no workbook and what would unpack beyond `limits`.
///
/// # Errors
/// [`ReadError::NotAWorkbook`], [`ReadError::TooLarge`] or [`ReadError::Damaged`].
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), ReadError> {
    if !bytes.starts_with(b"PK") {
        return Err(ReadError::NotAWorkbook { what: foreign(bytes) });
    }
    too_large("the file", bytes.len() as u64, limits.file_bytes, "bytes")?;
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| ReadError::damaged("the ZIP archive", e))?;
    too_large("the archive", archive.len() as u64, limits.parts as u64, "parts")?;
    let mut names = Vec::with_capacity(archive.len());
    let mut announced = 0_u64;
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(|e| ReadError::damaged("the ZIP archive", e))?;
        let name = part.name().map_err(|e| ReadError::damaged("the ZIP archive", e))?.into_owned();
        if part.encrypted() {
            return Err(ReadError::NotAWorkbook { what: "a ZIP archive with a password".to_owned() });
        }
        announced = announced.saturating_add(part.size());
        ratio(&name, part.size(), part.compressed_size(), limits)?;
        names.push(name);
    }
    too_large("the workbook", announced, limits.unpacked_bytes, "unpacked bytes")?;
    let mut unpacked = 0_u64;
    for (index, name) in names.iter().enumerate() {
        let left = limits.unpacked_bytes.saturating_sub(unpacked);
        let mut part = archive.by_index(index).map_err(|e| ReadError::damaged(name, e))?;
        let texts = name.to_ascii_lowercase().ends_with("sharedstrings.xml");
        let size = unpack(&mut part, name, texts, left, limits)?;
        unpacked += size;
    }
    kind_of_archive(&names)
}

fn too_large(what: &str, found: u64, allowed: u64, unit: &'static str) -> Result<(), ReadError> {
    if found <= allowed {
        return Ok(());
    }
    Err(ReadError::TooLarge { what: what.to_owned(), found, allowed, unit })
}

/// Small parts may be as repetitive as they like.
const RATIO_FROM: u64 = 16 << 20;

fn ratio(name: &str, size: u64, packed: u64, limits: &Limits) -> Result<(), ReadError> {
    if size < RATIO_FROM {
        return Ok(());
    }
    too_large(name, size / packed.max(1), limits.ratio, "times its packed size")
}

/// Unpacks a part into nothing and gives its true size.
fn unpack(
    part: &mut impl Read,
    name: &str,
    texts: bool,
    left: u64,
    limits: &Limits,
) -> Result<u64, ReadError> {
    let allowed = if texts { left.min(limits.text_bytes) } else { left };
    let mut announced = Announced::default();
    let mut buffer = vec![0_u8; 64 << 10];
    let mut size = 0_u64;
    loop {
        let count = part.read(&mut buffer).map_err(|e| ReadError::damaged(name, e))?;
        if count == 0 {
            return Ok(size);
        }
        let chunk = &buffer[..count];
        // The reader decodes UTF-16 as well, where the count below would not be seen.
        if texts && size == 0 && chunk.iter().take(4).any(|b| *b == 0 || *b >= 0xfe) {
            return Err(ReadError::damaged(name, "its texts are not in UTF-8"));
        }
        size += count as u64;
        too_large(name, size, allowed, "unpacked bytes")?;
        if texts {
            announced.add(chunk);
            too_large(name, announced.most, limits.text_bytes / 8, "announced texts")?;
        }
    }
}

/// Finds the largest `uniqueCount` that a list of texts announces: the reader reserves memory for as many.
#[derive(Default)]
struct Announced {
    most: u64,
    matched: usize,
    number: Option<u64>,
}

impl Announced {
    const NAME: &'static [u8] = b"uniqueCount";

    fn add(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            if self.matched < Self::NAME.len() {
                self.matched = if byte == Self::NAME[self.matched] {
                    self.matched + 1
                } else {
                    usize::from(byte == Self::NAME[0])
                };
            } else if byte.is_ascii_digit() {
                let number = self.number.unwrap_or(0);
                self.number = Some(number.saturating_mul(10).saturating_add(u64::from(byte - b'0')));
            } else if self.number.is_some() || !(byte.is_ascii_whitespace() || b"=\"'+".contains(&byte)) {
                self.matched = 0;
                self.number = None;
            }
            self.most = self.most.max(self.number.unwrap_or(0));
        }
    }
}

/// An archive may be another kind of document.
fn kind_of_archive(names: &[String]) -> Result<(), ReadError> {
    let has = |wanted: &str| names.iter().any(|n| n.to_ascii_lowercase() == wanted);
    let under = |wanted: &str| names.iter().any(|n| n.to_ascii_lowercase().starts_with(wanted));
    let what = if has("xl/workbook.bin") {
        "a binary workbook (.xlsb); save it as .xlsx"
    } else if has("[content_types].xml") && under("word/") {
        "a Word document"
    } else if has("[content_types].xml") && under("ppt/") {
        "a PowerPoint document"
    } else if has("content.xml") && has("mimetype") {
        "an OpenDocument file; save it as .xlsx"
    } else if !has("[content_types].xml") {
        "a ZIP archive that holds no workbook"
    } else {
        return Ok(());
    };
    Err(ReadError::NotAWorkbook { what: what.to_owned() })
}

/// What a file is that is no ZIP archive, as far as its bytes tell.
fn foreign(bytes: &[u8]) -> String {
    const COMPOUND: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if bytes.starts_with(&COMPOUND) {
        return if holds(&wide("EncryptedPackage")) {
            "an encrypted workbook; save it without a password"
        } else if holds(&wide("Workbook")) || holds(&wide("Book")) {
            "a workbook of Excel 97 to 2003 (.xls); save it as .xlsx"
        } else {
            "an old Office document"
        }
        .to_owned();
    }
    if bytes.starts_with(b"%PDF") {
        return "a PDF document".to_owned();
    }
    let start = &bytes[..bytes.len().min(4096)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "a web page (HTML); perhaps a sign-in page was saved instead of the file"
    } else if lower.starts_with("<?xml") || lower.starts_with('<') {
        "an XML file"
    } else if lower.starts_with('{') || lower.starts_with('[') {
        "a JSON file"
    } else if start.contains(&0) || text.contains('\u{fffd}') && !bytes.is_ascii() {
        "a binary file of an unknown kind"
    } else if text.lines().next().is_some_and(|line| line.contains([',', ';', '\t'])) {
        "a CSV file; save it as .xlsx in the template"
    } else {
        "a text file"
    }
    .to_owned()
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
