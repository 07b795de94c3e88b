use std::borrow::Cow;

use rawzip::ZipFileHeaderRecord;

/// The longest name in a report, in bytes of UTF-8. [`super::Report`] explains the limit.
const MAX_SHOWN_BYTES: usize = 1_024;

const ELLIPSIS: char = '…';

/// Code page 437 from 0x80 on: the encoding of names in a ZIP archive that are not UTF-8 (APPNOTE.TXT, appendix D).
const CP437: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö', 'ò', 'û',
    'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡',
    '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─',
    '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█',
    '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥',
    '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

/// Decodes an entry's name. Many archivers write UTF-8 without setting its flag, so valid UTF-8 is read as UTF-8.
pub(super) fn decode(record: &ZipFileHeaderRecord<'_>) -> String {
    let raw = record.file_path().as_bytes();
    match String::from_utf8_lossy(raw) {
        Cow::Borrowed(name) => name.to_owned(),
        Cow::Owned(name) if record.flags().is_utf8() => name,
        Cow::Owned(_) => raw.iter().copied().map(from_cp437).collect(),
    }
}

fn from_cp437(byte: u8) -> char {
    byte.checked_sub(0x80).and_then(|high| CP437.get(usize::from(high)).copied()).unwrap_or(char::from(byte))
}

/// The name for the report: without control characters, and at most [`MAX_SHOWN_BYTES`] long.
pub(super) fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len().min(MAX_SHOWN_BYTES));
    for c in name.chars() {
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if shown.len() + c.len_utf8() > MAX_SHOWN_BYTES {
            while shown.len() + ELLIPSIS.len_utf8() > MAX_SHOWN_BYTES {
                shown.pop();
            }
            shown.push(ELLIPSIS);
            break;
        }
        shown.push(c);
    }
    shown
}

/// The parts of a path. `\` is a separator too: some archivers on Windows write it.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '\\'])
}

pub(super) fn is_directory(name: &str) -> bool {
    name.ends_with(['/', '\\'])
}

/// Whether an entry is a dot file, is in a dot folder, or is macOS metadata (`__MACOSX`). `.` and `..` do not count.
pub(super) fn is_hidden(name: &str) -> bool {
    parts(name).any(|part| part == "__MACOSX" || part.starts_with('.') && !matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_decoded_as_code_page_437() {
        assert_eq!(from_cp437(b'a'), 'a');
        assert_eq!(from_cp437(0x80), 'Ç');
        assert_eq!(from_cp437(0xA4), 'ñ');
        assert_eq!(from_cp437(0xE1), 'ß');
        assert_eq!(from_cp437(0xFF), '\u{a0}');
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(shown("a\0b\u{1b}[31m\u{85}.jpg"), "a\u{fffd}b\u{fffd}[31m\u{fffd}.jpg");
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_ends_with_an_ellipsis() {
        assert_eq!(shown(&"a".repeat(1_024)), "a".repeat(1_024));
        assert_eq!(shown(&"a".repeat(1_025)), format!("{}…", "a".repeat(1_021)));
        assert_eq!(shown(&"é".repeat(600)), format!("{}…", "é".repeat(510)));
        assert_eq!(shown(&"\0".repeat(2_000)).len(), 1_023 / 3 * 3);
    }

    #[test]
    fn dot_files_dot_folders_and_macos_metadata_are_hidden() {
        for name in [".DS_Store", "a/.git/x.jpg", "a\\._x.jpg", "__MACOSX/a/._b.jpg", "__MACOSX/b.jpg", "...", "a/..b"]
        {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["../a.jpg", "./a.jpg", "a/../b.jpg", "a.jpg", "my__MACOSX/a.jpg", "", "/", "a/"] {
            assert!(!is_hidden(name), "{name}");
        }
    }
}
