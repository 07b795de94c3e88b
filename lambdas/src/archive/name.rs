use std::borrow::Cow;

use rawzip::ZipFileHeaderRecord;

/// The longest name that is shown, in bytes of UTF-8; see [`super::Report`] for why.
const MAX_SHOWN_BYTES: usize = 1_024;

const CUT: char = '…';

/// Code page 437 from 0x80 on: what a ZIP's names are in, unless they are in UTF-8 (APPNOTE.TXT, appendix D).
const CP437: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö', 'ò', 'û',
    'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡',
    '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─',
    '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█',
    '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥',
    '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

/// The name of an entry as text. Many archivers write UTF-8 without saying so, hence what can be UTF-8 is taken for it.
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

/// The name as an answer may show it: without control characters, and not longer than [`MAX_SHOWN_BYTES`].
pub(super) fn shown(name: &str) -> String {
    let mut shown = String::with_capacity(name.len().min(MAX_SHOWN_BYTES));
    for c in name.chars() {
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if shown.len() + c.len_utf8() > MAX_SHOWN_BYTES {
            while shown.len() + CUT.len_utf8() > MAX_SHOWN_BYTES {
                shown.pop();
            }
            shown.push(CUT);
            break;
        }
        shown.push(c);
    }
    shown
}

/// The parts of a path. `\` parts them too: archivers on Windows have written it.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '\\'])
}

pub(super) fn is_directory(name: &str) -> bool {
    name.ends_with(['/', '\\'])
}

/// Whether an entry is, or lies in, a dot file or what macOS keeps beside the files of an archive. `.` and `..` hide
/// nothing.
pub(super) fn is_hidden(name: &str) -> bool {
    parts(name).any(|part| part == "__MACOSX" || part.starts_with('.') && !matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_page_437_is_whole() {
        assert_eq!(from_cp437(b'a'), 'a');
        assert_eq!(from_cp437(0x80), 'Ç');
        assert_eq!(from_cp437(0xA4), 'ñ');
        assert_eq!(from_cp437(0xE1), 'ß');
        assert_eq!(from_cp437(0xFF), '\u{a0}');
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(shown("a\0b\u{1b}[31m\u{85}.jpg"), "a\u{fffd}b\u{fffd}[31m\u{fffd}.jpg");
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_shows_it() {
        assert_eq!(shown(&"a".repeat(1_024)), "a".repeat(1_024));
        assert_eq!(shown(&"a".repeat(1_025)), format!("{}…", "a".repeat(1_021)));
        assert_eq!(shown(&"é".repeat(600)), format!("{}…", "é".repeat(510)));
        assert_eq!(shown(&"\0".repeat(2_000)).len(), 1_023 / 3 * 3);
    }

    #[test]
    fn hidden_is_what_begins_with_a_dot_in_any_part() {
        for name in [".DS_Store", "a/.git/x.jpg", "a\\._x.jpg", "__MACOSX/a/._b.jpg", "__MACOSX/b.jpg", "...", "a/..b"]
        {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["../a.jpg", "./a.jpg", "a/../b.jpg", "a.jpg", "my__MACOSX/a.jpg", "", "/", "a/"] {
            assert!(!is_hidden(name), "{name}");
        }
    }
}
