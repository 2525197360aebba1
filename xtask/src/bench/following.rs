//! A file that a child writes to, read on line by line. Absent on purpose: waiting for more; the caller asks again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::failure::{During, Outcome};

/// How far a file was read.
#[derive(Debug)]
pub struct Following {
    path: PathBuf,
    read: u64,
    rest: Vec<u8>,
}

impl Following {
    /// From its beginning.
    pub fn of(path: PathBuf) -> Self {
        Self { path, read: 0, rest: Vec::new() }
    }

    /// The whole lines that came since the last time.
    pub fn lines(&mut self) -> Outcome<Vec<String>> {
        let reading = || format!("read {}", self.path.display());
        let mut file = File::open(&self.path).during(reading)?;
        file.seek(SeekFrom::Start(self.read)).during(reading)?;
        let count = file.read_to_end(&mut self.rest).during(reading)?;
        self.read += u64::try_from(count).unwrap_or(0);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        Ok(String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_comes_once_and_whole() -> Outcome<()> {
        let mut file = tempfile::NamedTempFile::new().during(|| "make a file".into())?;
        let mut following = Following::of(file.path().to_owned());
        let mut write = |text: &str| file.write_all(text.as_bytes()).during(|| "write".into());
        write("one\ntw")?;
        assert_eq!(following.lines()?, ["one"]);
        assert_eq!(following.lines()?, [""; 0]);
        write("o\nthree\n")?;
        assert_eq!(following.lines()?, ["two", "three"]);
        Ok(())
    }
}
