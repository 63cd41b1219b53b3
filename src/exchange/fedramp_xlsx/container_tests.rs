use std::io::Write;

use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn archive(parts: &[(&str, &[u8])]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn refusal(bytes: &[u8], limits: &Limits) -> String {
    check(bytes, limits).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn what_is_no_workbook_is_named() -> Outcome {
    let compound = |name: &str| {
        let mut bytes = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
        bytes.resize(512, 0);
        bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        bytes
    };
    let table: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "an empty file"),
        (compound("EncryptedPackage"), "encrypted workbook"),
        (compound("Workbook"), ".xls"),
        (compound("Contents"), "old Office document"),
        (b"%PDF-1.7".to_vec(), "PDF"),
        (b"\xef\xbb\xbf <!DOCTYPE html><html>".to_vec(), "HTML"),
        (b"<html><body>Sign in".to_vec(), "HTML"),
        (b"<?xml version='1.0'?><Workbook/>".to_vec(), "XML"),
        (b"{\"a\": 1}".to_vec(), "JSON"),
        (b"POAM ID,Controls\nV-1,RA-5\n".to_vec(), "CSV"),
        ("POAM ID;Schwäche\n".as_bytes().to_vec(), "CSV"),
        (b"dear colleagues".to_vec(), "text file"),
        (vec![0x7f, b'E', b'L', b'F', 0, 0, 0], "binary"),
        (archive(&[("readme.txt", b"x")])?, "a ZIP archive that holds no workbook"),
        (archive(&[("[Content_Types].xml", b"x"), ("word/document.xml", b"x")])?, "Word"),
        (archive(&[("[Content_Types].xml", b"x"), ("ppt/presentation.xml", b"x")])?, "PowerPoint"),
        (archive(&[("[Content_Types].xml", b"x"), ("xl/workbook.bin", b"x")])?, ".xlsb"),
        (archive(&[("mimetype", b"x"), ("content.xml", b"x")])?, "OpenDocument"),
    ];
    for (bytes, what) in table {
        let said = refusal(&bytes, &Limits::default());
        assert!(said.starts_with("not a POA&M workbook but ") && said.contains(what), "{what}: {said}");
    }
    Ok(())
}

#[test]
fn a_broken_archive_is_damaged() -> Outcome {
    let whole = archive(&[("[Content_Types].xml", &[b'x'; 4000]), ("xl/workbook.xml", b"x")])?;
    assert_eq!(refusal(&whole, &Limits::default()), "");
    for bytes in [&whole[..whole.len() / 2], b"PK\x03\x04".as_slice(), b"PK".as_slice()] {
        let said = refusal(bytes, &Limits::default());
        assert!(said.starts_with("the ZIP archive is damaged: "), "{said}");
    }
    Ok(())
}

#[test]
fn a_bomb_is_refused_by_what_it_announces() -> Outcome {
    let zeros = vec![b' '; 20 << 20];
    let bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/worksheets/sheet1.xml", &zeros)])?;
    let said = refusal(&bytes, &Limits::default());
    assert!(
        said.starts_with("xl/worksheets/sheet1.xml is too large: ") && said.contains("packed size"),
        "{said}"
    );

    let limits = Limits { ratio: u64::MAX, unpacked_bytes: 10 << 20, ..Limits::default() };
    assert_eq!(
        refusal(&bytes, &limits),
        "the workbook is too large: 20971521 unpacked bytes, at most 10485760 are allowed"
    );
    Ok(())
}

/// Writes small sizes into every header of an archive, where a reader would look before unpacking.
fn lie_about_sizes(bytes: &mut [u8]) {
    for (signature, at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let mut from = 0;
        while let Some(found) = bytes[from..].windows(4).position(|window| window == signature) {
            let field = from + found + at;
            bytes[field..field + 4].copy_from_slice(&10_u32.to_le_bytes());
            from += found + 4;
        }
    }
}

#[test]
fn a_bomb_that_lies_about_its_size_is_refused_while_it_unpacks() -> Outcome {
    let zeros = vec![b' '; 4 << 20];
    let mut bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/worksheets/sheet1.xml", &zeros)])?;
    lie_about_sizes(&mut bytes);
    let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
    let said = refusal(&bytes, &limits);
    assert!(said.starts_with("xl/worksheets/sheet1.xml is damaged: "), "{said}");
    Ok(())
}

#[test]
fn a_list_of_texts_may_not_announce_more_than_it_can_hold() -> Outcome {
    let limits = Limits::default();
    for head in [
        "<sst uniqueCount=\"99999999999\">",
        "<!-- sst> --><sst  uniqueCount =\n '99999999999'>",
        "<sst count=\"1\" uniqueCount=\"99999999999999999999999\">",
    ] {
        let part = format!("<?xml version=\"1.0\"?>{head}<si><t>a</t></si></sst>");
        let bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/SharedStrings.xml", part.as_bytes())])?;
        assert!(refusal(&bytes, &limits).contains("announced texts"), "{head}");
    }
    let honest =
        "<sst count=\"3\" uniqueCount=\"2\"><si><t>uniqueCount is a word</t></si><si><t>b</t></si></sst>";
    let bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/sharedStrings.xml", honest.as_bytes())])?;
    assert_eq!(refusal(&bytes, &limits), "");

    let wide: Vec<u8> = "\u{feff}<sst/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/sharedStrings.xml", &wide)])?;
    assert!(refusal(&bytes, &limits).contains("not in UTF-8"));

    let limits = Limits { text_bytes: 64, ..Limits::default() };
    let long = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(100));
    let bytes = archive(&[("[Content_Types].xml", b"x"), ("xl/sharedStrings.xml", long.as_bytes())])?;
    assert!(refusal(&bytes, &limits).contains("xl/sharedStrings.xml is too large"));
    Ok(())
}

#[test]
fn an_archive_of_countless_parts_and_a_huge_file_are_refused() -> Outcome {
    let names: Vec<String> = (0..30).map(|n| format!("part{n}")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), b"x".as_slice())).collect();
    let bytes = archive(&parts)?;
    let limits = Limits { parts: 20, ..Limits::default() };
    assert_eq!(refusal(&bytes, &limits), "the archive is too large: 30 parts, at most 20 are allowed");
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    assert!(refusal(&bytes, &limits).starts_with("the file is too large"));
    Ok(())
}

proptest! {
    /// However a part is cut into reads, the announced number is seen.
    #[test]
    fn an_announcement_is_seen_across_reads(number in 0_u64..1_000_000, cut in 1_usize..40) {
        let text = format!("<?xml?><sst count='7' uniqueCount = \"{number}\"><si>");
        let mut announced = Announced::default();
        for chunk in text.as_bytes().chunks(cut) {
            announced.add(chunk);
        }
        prop_assert_eq!(announced.most, number);
    }

    #[test]
    fn no_bytes_make_the_check_fail(bytes in prop::collection::vec(any::<u8>(), 0..300), zip in any::<bool>()) {
        let mut bytes = bytes;
        if zip {
            bytes.splice(0..0, *b"PK\x03\x04");
        }
        prop_assert!(check(&bytes, &Limits::default()).is_err());
    }
}
