//! What cargo knows of the workspace's packages, as much as the gates ask for. It is read from
//! `cargo metadata` and judged elsewhere.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo;

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its directory, relative to the workspace's root.
    pub(crate) directory: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package says it depends on.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The name of the package, not what the dependent may call it.
    pub(crate) name: String,
    /// Used by tests, benchmarks and examples only.
    pub(crate) dev: bool,
}

/// All packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>, String> {
    let text = cargo::output(&["metadata", "--format-version", "1", "--no-deps"])?;
    parse(&text).map_err(|error| format!("cannot read what `cargo metadata` says: {error}"))
}

fn parse(text: &str) -> Result<Vec<Package>, String> {
    let metadata: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let root = Path::new(string(&metadata, "workspace_root")?);
    let packages = array(&metadata, "packages")?;
    packages.iter().map(|value| package(value, root)).collect()
}

fn package(value: &Value, root: &Path) -> Result<Package, String> {
    let manifest = Path::new(string(value, "manifest_path")?);
    let directory = manifest.parent().unwrap_or(manifest);
    let dependencies = array(value, "dependencies")?;
    Ok(Package {
        name: string(value, "name")?.to_owned(),
        directory: directory.strip_prefix(root).unwrap_or(directory).to_owned(),
        dependencies: dependencies.iter().map(dependency).collect::<Result<_, _>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency, String> {
    Ok(Dependency { name: string(value, "name")?.to_owned(), dev: value["kind"] == "dev" })
}

fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key].as_str().ok_or_else(|| format!("`{key}` is not a string"))
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("`{key}` is not an array"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_directories_and_kinds() {
        let packages = parse(
            r#"{"workspace_root": "/w", "packages": [{
                "name": "a", "manifest_path": "/w/crates/a/Cargo.toml", "dependencies": [
                    {"name": "b", "kind": null}, {"name": "c", "kind": "dev"},
                    {"name": "d", "kind": "build"}]}]}"#,
        )
        .unwrap();
        let [package] = &packages[..] else { panic!("{packages:?}") };
        assert_eq!(package.name, "a");
        assert_eq!(package.directory, Path::new("crates/a"));
        let kinds: Vec<_> =
            package.dependencies.iter().map(|found| (found.name.as_str(), found.dev)).collect();
        assert_eq!(kinds, [("b", false), ("c", true), ("d", false)]);
    }

    #[test]
    fn says_what_is_missing() {
        assert_eq!(parse("{}").unwrap_err(), "`workspace_root` is not a string");
    }
}
