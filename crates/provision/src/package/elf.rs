//! Would this executable start on the platform's machine? Static ones do; dynamic ones only against an old C library.
//! Reads just enough of the ELF format to know: program headers, needed libraries, versions of their symbols.

use thiserror::Error;

/// The machine is CentOS 7 (SCF pages on start-up files and container images), whose C library is glibc 2.17.
const MACHINE_GLIBC: (u32, u32) = (2, 17);

/// The libraries of glibc and gcc that CentOS 7 always has.
const MACHINE_LIBRARIES: [&str; 9] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;

/// Why an executable would not start on the platform's machine.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unportable {
    /// Not a 64-bit ELF file.
    #[error("it is not a 64-bit Linux executable")]
    NotElf,
    /// For another processor.
    #[error("it is not for x86-64 (ELF machine {0})")]
    Machine(u16),
    /// Symbols of a newer C library than the machine has.
    #[error("it needs {0}, and the machine has glibc 2.17")]
    Glibc(String),
    /// A shared library that the machine does not have.
    #[error("it needs the shared library {0}")]
    Library(String),
    /// The file contradicts itself.
    #[error("it is damaged")]
    Damaged,
}

/// Checks an executable's bytes.
pub(super) fn check(bytes: &[u8]) -> Result<(), Unportable> {
    // 64 bits (class 2), little endian (data 1).
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err(Unportable::NotElf);
    }
    let elf = Elf::read(bytes).ok_or(Unportable::Damaged)?;
    if elf.machine != EM_X86_64 {
        return Err(Unportable::Machine(elf.machine));
    }
    // Without an interpreter nothing is loaded at start: a static executable.
    if !elf.segments.iter().any(|segment| segment.kind == PT_INTERP) {
        return Ok(());
    }
    let needs = elf.needs().ok_or(Unportable::Damaged)?;
    for library in needs.libraries {
        if !MACHINE_LIBRARIES.contains(&library.as_str()) {
            return Err(Unportable::Library(library));
        }
    }
    // The highest version says most about what to do.
    let newest = needs.versions.into_iter().filter_map(|name| Some((glibc_version(&name)?, name))).max();
    match newest {
        Some((version, name)) if version > MACHINE_GLIBC => Err(Unportable::Glibc(name)),
        _ => Ok(()),
    }
}

/// `GLIBC_2.3.4` is (2, 3). `GLIBC_PRIVATE` binds to one exact build and is newer than anything; other families
/// (`GCC_3.0`) are not the C library's.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let number = name.strip_prefix("GLIBC_")?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => Some((major, minor)),
        _ => Some((u32::MAX, 0)),
    }
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

struct Elf<'a> {
    bytes: &'a [u8],
    machine: u16,
    segments: Vec<Segment>,
}

#[derive(Default)]
struct Needs {
    libraries: Vec<String>,
    versions: Vec<String>,
}

impl<'a> Elf<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let table = u64_at(bytes, 32)?;
        let entry_size = u64::from(u16_at(bytes, 54)?);
        let count = u64::from(u16_at(bytes, 56)?);
        let mut segments = Vec::new();
        for at in 0..count {
            let header = table.checked_add(at * entry_size)?;
            segments.push(Segment {
                kind: u32_at(bytes, header)?,
                offset: u64_at(bytes, header.checked_add(8)?)?,
                address: u64_at(bytes, header.checked_add(16)?)?,
                size: u64_at(bytes, header.checked_add(32)?)?,
            });
        }
        Some(Self { bytes, machine: u16_at(bytes, 18)?, segments })
    }

    /// Where an address of the running program stands in the file.
    fn offset_of(&self, address: u64) -> Option<u64> {
        self.segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD)
            .find(|segment| address.checked_sub(segment.address).is_some_and(|within| within < segment.size))
            .and_then(|segment| (address - segment.address).checked_add(segment.offset))
    }

    fn needs(&self) -> Option<Needs> {
        let dynamic = self.segments.iter().find(|segment| segment.kind == PT_DYNAMIC)?;
        let mut needed = Vec::new();
        let (mut strings, mut versions, mut version_count) = (None, None, 0);
        for at in 0..dynamic.size / 16 {
            let entry = dynamic.offset.checked_add(at * 16)?;
            let value = u64_at(self.bytes, entry.checked_add(8)?)?;
            match u64_at(self.bytes, entry)? {
                0 => break,
                DT_NEEDED => needed.push(value),
                DT_STRTAB => strings = Some(self.offset_of(value)?),
                DT_VERNEED => versions = Some(self.offset_of(value)?),
                DT_VERNEEDNUM => version_count = value,
                _ => {}
            }
        }
        let strings = strings?;
        let mut needs = Needs::default();
        for name in needed {
            needs.libraries.push(self.text(strings.checked_add(name)?)?);
        }
        if let Some(table) = versions {
            needs.versions = self.versions(table, version_count, strings)?;
        }
        Some(needs)
    }

    /// The version names of a `.gnu.version_r` table: libraries, each with a chain of versions.
    fn versions(&self, mut library: u64, count: u64, strings: u64) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for _ in 0..count {
            let version_count = u16_at(self.bytes, library.checked_add(2)?)?;
            let mut version = library.checked_add(u64::from(u32_at(self.bytes, library.checked_add(8)?)?))?;
            for _ in 0..version_count {
                let name = u64::from(u32_at(self.bytes, version.checked_add(8)?)?);
                names.push(self.text(strings.checked_add(name)?)?);
                version = version.checked_add(u64::from(u32_at(self.bytes, version.checked_add(12)?)?))?;
            }
            library = library.checked_add(u64::from(u32_at(self.bytes, library.checked_add(12)?)?))?;
        }
        Some(names)
    }

    fn text(&self, offset: u64) -> Option<String> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        String::from_utf8(rest[..end].to_vec()).ok()
    }
}

fn array_at<const N: usize>(bytes: &[u8], offset: u64) -> Option<[u8; N]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], offset: u64) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: u64) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: u64) -> Option<u64> {
    array_at(bytes, offset).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal executable: the needed libraries, and the symbol versions that the first of them must have.
    fn executable(machine: u16, libraries: &[&str], versions: &[&str]) -> Vec<u8> {
        const HEADERS: u64 = 64 + 3 * 56;
        let mut strings = vec![0];
        let mut intern = |text: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let library_names: Vec<u64> = libraries.iter().map(|name| intern(name)).collect();
        let version_names: Vec<u64> = versions.iter().map(|name| intern(name)).collect();
        let dynamic_at = HEADERS;
        let dynamic_size = 16 * (library_names.len() as u64 + 4);
        let verneed_at = dynamic_at + dynamic_size;
        let strings_at = verneed_at + 16 + 16 * versions.len() as u64;
        let total = strings_at + strings.len() as u64;
        let base = 0x40_0000; // addresses differ from offsets, as in real files

        let mut out = b"\x7fELF\x02\x01\x01".to_vec();
        out.resize(16, 0);
        out.extend(2u16.to_le_bytes());
        out.extend(machine.to_le_bytes());
        out.resize(32, 0);
        out.extend(64u64.to_le_bytes());
        out.resize(54, 0);
        out.extend(56u16.to_le_bytes());
        out.extend(if libraries.is_empty() { 1u16 } else { 3u16 }.to_le_bytes());
        out.resize(64, 0);
        for (kind, offset, size) in [(PT_LOAD, 0, total), (PT_INTERP, 0, 8), (PT_DYNAMIC, dynamic_at, dynamic_size)] {
            out.extend(kind.to_le_bytes());
            out.extend(0u32.to_le_bytes());
            for value in [offset, base + offset, base + offset, size, size, 8] {
                out.extend(value.to_le_bytes());
            }
        }
        let needed = library_names.iter().map(|name| (DT_NEEDED, *name));
        let tables = [(DT_STRTAB, base + strings_at), (DT_VERNEED, base + verneed_at), (DT_VERNEEDNUM, 1), (0, 0)];
        for (tag, value) in needed.chain(tables) {
            out.extend(tag.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend(1u16.to_le_bytes());
        out.extend(u16::try_from(versions.len()).unwrap().to_le_bytes());
        for value in [0u32, 16, 0] {
            out.extend(value.to_le_bytes());
        }
        for name in version_names {
            out.extend([0; 8]);
            out.extend(u32::try_from(name).unwrap().to_le_bytes());
            out.extend(16u32.to_le_bytes());
        }
        out.extend(strings);
        out
    }

    #[test]
    fn a_static_executable_starts_anywhere() {
        assert_eq!(check(&executable(EM_X86_64, &[], &[])), Ok(()));
    }

    #[test]
    fn symbols_up_to_glibc_2_17_are_accepted_and_newer_ones_named() {
        let check = |versions: &[&str]| check(&executable(EM_X86_64, &["libc.so.6"], versions));
        assert_eq!(check(&["GLIBC_2.2.5", "GLIBC_2.17", "GCC_3.0"]), Ok(()));
        // 2.4 is older than 2.17 and 2.34 newer, whatever their digits sort like.
        assert_eq!(check(&["GLIBC_2.34", "GLIBC_2.4"]), Err(Unportable::Glibc("GLIBC_2.34".into())));
        assert_eq!(check(&["GLIBC_2.18"]), Err(Unportable::Glibc("GLIBC_2.18".into())));
        assert_eq!(check(&["GLIBC_PRIVATE"]), Err(Unportable::Glibc("GLIBC_PRIVATE".into())));
    }

    #[test]
    fn a_library_that_the_machine_lacks_is_named() {
        let elf = executable(EM_X86_64, &["libc.so.6", "libssl.so.3"], &["GLIBC_2.17"]);
        assert_eq!(check(&elf), Err(Unportable::Library("libssl.so.3".into())));
    }

    #[test]
    fn other_processors_and_other_files_are_refused() {
        assert_eq!(check(&executable(183, &[], &[])), Err(Unportable::Machine(183)));
        assert_eq!(check(b"#!/bin/sh\n"), Err(Unportable::NotElf));
        assert_eq!(check(b""), Err(Unportable::NotElf));
    }

    #[test]
    fn a_truncated_executable_never_panics() {
        let elf = executable(EM_X86_64, &["libc.so.6"], &["GLIBC_2.17"]);
        for length in 6..elf.len() {
            // Some prefixes still look whole where it matters; none may bring the reader down or look static.
            assert_eq!(check(&elf[..length]), Err(Unportable::Damaged), "cut at {length}");
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn a_real_executable_is_read() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let verdict = check(&own);
        assert!(
            !matches!(verdict, Err(Unportable::Damaged | Unportable::NotElf | Unportable::Machine(_))),
            "{verdict:?}"
        );
    }
}
