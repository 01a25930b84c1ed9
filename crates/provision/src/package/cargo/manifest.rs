//! One Cargo.toml: the few things that packaging must know of it. Parsing only; which files to read is up to
//! `packages`.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::package::PackageError;

/// A Cargo.toml and where it stands.
#[derive(Debug, Clone)]
pub(super) struct CargoManifest {
    /// Canonical folder of the file.
    pub(super) folder: PathBuf,
    table: Table,
}

impl CargoManifest {
    /// Reads the Cargo.toml of a folder, `None` when there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, PackageError> {
        let path = folder.join("Cargo.toml");
        Ok(read_table(&path)?.map(|table| Self { folder: folder.to_path_buf(), table }))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    pub(super) fn package_name(&self) -> Option<&str> {
        self.package()?.get("name")?.as_str()
    }

    /// `package.workspace`: where the workspace root is, when not in a folder above.
    pub(super) fn named_workspace(&self) -> Option<&str> {
        self.package()?.get("workspace")?.as_str()
    }

    pub(super) fn is_workspace_root(&self) -> bool {
        self.table.contains_key("workspace")
    }

    /// `workspace.members` or `workspace.exclude`.
    pub(super) fn workspace_list(&self, key: &str) -> Vec<&str> {
        let list = self.table.get("workspace").and_then(|workspace| workspace.get(key)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn package(&self) -> Option<&Table> {
        self.table.get("package")?.as_table()
    }

    /// The dependencies that a build of the package's binary can use, `workspace = true` ones resolved in `root`, as
    /// paths still to be resolved. Optional ones count: which features are on is cargo's to decide. Those for tests
    /// do not.
    pub(super) fn path_dependencies(&self, root: &Self) -> Vec<PathBuf> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let tables = std::iter::once(&self.table).chain(targets.into_iter().flat_map(Table::values_as_tables));
        let mut paths = Vec::new();
        for table in tables {
            for kind in ["dependencies", "build-dependencies", "build_dependencies"] {
                for (name, dependency) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                    if let Some(path) = path_of(dependency) {
                        paths.push(self.folder.join(path));
                    } else if let Some(path) = inherits(dependency).then(|| root.shared_dependency(name)).flatten() {
                        paths.push(path);
                    }
                }
            }
        }
        paths
    }

    fn shared_dependency(&self, name: &str) -> Option<PathBuf> {
        let dependency = self.table.get("workspace")?.get("dependencies")?.get(name)?;
        path_of(dependency).map(|path| self.folder.join(path))
    }

    /// Folders that `[patch]` and `[replace]` put in the place of published packages.
    pub(super) fn patches(&self) -> Vec<PathBuf> {
        patches(&self.table, &self.folder)
    }

    /// The name of the binary that becomes `bootstrap`: one of that name, else `default-run`, else the only one.
    pub(super) fn binary(&self, package: &str) -> Result<String, PackageError> {
        let mut names = self.binaries();
        if names.iter().any(|name| name == "bootstrap") {
            return Ok("bootstrap".into());
        }
        let default = self.package().and_then(|table| table.get("default-run")).and_then(Value::as_str);
        match (names.len(), default) {
            (0, _) => Err(PackageError::NoBinary { package: package.into() }),
            (1, _) => Ok(names.swap_remove(0)),
            (_, Some(default)) if names.iter().any(|name| name == default) => Ok(default.into()),
            _ => Err(PackageError::ManyBinaries { package: package.into(), binaries: names }),
        }
    }

    /// Declared binaries, then the ones that cargo finds by itself: src/main.rs, src/bin/NAME.rs,
    /// src/bin/NAME/main.rs.
    fn binaries(&self) -> Vec<String> {
        let declared = self.table.get("bin").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut names: Vec<String> =
            declared.iter().filter_map(|bin| bin.get("name")?.as_str()).map(str::to_owned).collect();
        let discovers = self.package().and_then(|package| package.get("autobins")).and_then(Value::as_bool);
        if discovers == Some(false) {
            return names;
        }
        let taken: Vec<&str> = declared.iter().filter_map(|bin| bin.get("path")?.as_str()).collect();
        for (name, path) in self.discovered() {
            if !taken.contains(&path.as_str()) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn discovered(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.folder.join("src/main.rs").is_file() {
            found.extend(self.package_name().map(|name| (name.to_owned(), "src/main.rs".to_owned())));
        }
        let mut others = Vec::new();
        for entry in self.folder.join("src/bin").read_dir().into_iter().flatten().flatten() {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            if let Some(name) = file_name.strip_suffix(".rs") {
                others.push((name.to_owned(), format!("src/bin/{file_name}")));
            } else if entry.path().join("main.rs").is_file() {
                others.push((file_name.clone(), format!("src/bin/{file_name}/main.rs")));
            }
        }
        others.sort();
        found.extend(others);
        found
    }
}

/// Iterating the tables within a table, such as the targets of `[target.*]`.
trait ValuesAsTables {
    fn values_as_tables(&self) -> impl Iterator<Item = &Table>;
}

impl ValuesAsTables for Table {
    fn values_as_tables(&self) -> impl Iterator<Item = &Table> {
        self.values().filter_map(Value::as_table)
    }
}

/// Folders that a cargo configuration file puts in the place of published packages: `[patch]` and `paths`, both
/// relative to the folder that holds `.cargo`.
pub(super) fn configured_paths(config: &Path, folder: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let Some(table) = read_table(config)? else { return Ok(Vec::new()) };
    let mut found = patches(&table, folder);
    let overrides = table.get("paths").and_then(Value::as_array);
    found.extend(overrides.into_iter().flatten().filter_map(Value::as_str).map(|path| folder.join(path)));
    Ok(found)
}

fn patches(table: &Table, folder: &Path) -> Vec<PathBuf> {
    let sources = table.get("patch").and_then(Value::as_table);
    let patched = sources.into_iter().flat_map(Table::values_as_tables);
    let replaced = table.get("replace").and_then(Value::as_table);
    patched
        .chain(replaced)
        .flat_map(Table::values)
        .filter_map(|dependency| path_of(dependency).map(|path| folder.join(path)))
        .collect()
}

fn path_of(dependency: &Value) -> Option<&str> {
    dependency.get("path")?.as_str()
}

fn inherits(dependency: &Value) -> bool {
    dependency.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn read_table(path: &Path) -> Result<Option<Table>, PackageError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PackageError::Read { path: path.to_path_buf(), source }),
    };
    let parsed = text.parse::<Table>();
    parsed.map(Some).map_err(|source| PackageError::BadCargoFile { path: path.to_path_buf(), source: Box::new(source) })
}
