//! `cargo xtask layers`: which crate of ours may use which, and which of them are below the line.
//! The table says what ARCHITECTURE.md says; the source below the line is read in `line`.

use std::collections::BTreeSet;

use crate::ci::Outcome;
use crate::metadata::{self, Package};
use crate::{line, source};

/// A crate, and what it may use.
struct Layer {
    name: &'static str,
    side: Side,
    may_use: &'static [&'static str],
}

/// Where a crate is. Below the line there is no socket, clock, thread or system randomness.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Below,
    Above,
}

use Side::{Above, Below};

const LAYERS: &[Layer] = &[
    Layer { name: "rudp-base", side: Below, may_use: &[] },
    Layer { name: "rudp-wire", side: Below, may_use: &["rudp-base"] },
    Layer { name: "rudp-proto", side: Below, may_use: &["rudp-base", "rudp-wire"] },
    Layer { name: "rudp-crypto", side: Below, may_use: &["rudp-base", "rudp-wire", "rudp-proto"] },
    Layer { name: "rushb", side: Below, may_use: &["rudp-base"] },
    Layer { name: "rudp-sim", side: Below, may_use: &["rudp-base"] },
    Layer {
        name: "rudp-testkit",
        side: Below,
        may_use: &["rudp-base", "rudp-wire", "rudp-proto", "rudp-crypto", "rushb", "rudp-sim"],
    },
    Layer { name: "rudp-net", side: Above, may_use: &["rudp-base"] },
    Layer {
        name: "reliable-udp",
        side: Above,
        may_use: &["rudp-base", "rudp-proto", "rudp-crypto", "rudp-net"],
    },
    Layer { name: "rudp-files", side: Above, may_use: &["reliable-udp"] },
    Layer {
        name: "rudp-cli",
        side: Above,
        may_use: &[
            "rudp-base",
            "rudp-wire",
            "rushb",
            "rudp-sim",
            "rudp-net",
            "reliable-udp",
            "rudp-files",
        ],
    },
    Layer {
        name: "rudp-bench",
        side: Above,
        may_use: &[
            "rudp-base",
            "rudp-wire",
            "rudp-proto",
            "rudp-crypto",
            "rushb",
            "rudp-sim",
            "rudp-net",
            "reliable-udp",
            "rudp-files",
        ],
    },
    Layer {
        name: "rudp-fuzz",
        side: Above,
        may_use: &[
            "rudp-base",
            "rudp-wire",
            "rudp-proto",
            "rudp-crypto",
            "rushb",
            "rudp-sim",
            "rudp-testkit",
        ],
    },
    Layer { name: "xtask", side: Above, may_use: &[] },
];

/// What a file below the line may name all the same: path, words, reason.
pub(crate) const EXCEPTIONS: &[(&str, &[&str], &str)] = &[(
    "crates/sim/src/seed.rs",
    &["std::env", "std::thread"],
    "a failed simulation names its seed and its test, and a variable replays it",
)];

/// Checks every package of the workspace.
pub(crate) fn check() -> Result<Outcome, String> {
    let packages = metadata::packages()?;
    let mut complaints = wrong_arrows(&packages);
    for package in packages.iter().filter(|package| is_below(&package.name)) {
        complaints.extend(line::complaints(package)?);
    }
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    println!("{} crates use only what they may", packages.len());
    Ok(Outcome::Passed)
}

fn layer(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == name)
}

fn is_below(name: &str) -> bool {
    layer(name).is_some_and(|layer| layer.side == Below)
}

fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut complaints = Vec::new();
    for package in packages {
        let place = source::display(&package.directory.join("Cargo.toml"));
        let Some(layer) = layer(&package.name) else {
            let name = &package.name;
            complaints.push(format!(
                "{place}: {name} is not in the table of xtask/src/layers.rs: \
                 add it to the table and to ARCHITECTURE.md"
            ));
            continue;
        };
        let used = package.dependencies.iter().filter(|used| ours.contains(used.name.as_str()));
        for dependency in used {
            // Tests of what is above may use all that is below.
            let for_tests = dependency.dev && layer.side == Above && is_below(&dependency.name);
            if !for_tests && !layer.may_use.contains(&dependency.name.as_str()) {
                let kind = if dependency.dev { " in its tests" } else { "" };
                complaints.push(format!(
                    "{place}: {} may not use {}{kind}; it may use: {}",
                    package.name,
                    dependency.name,
                    if layer.may_use.is_empty() {
                        "nothing of ours".into()
                    } else {
                        layer.may_use.join(", ")
                    }
                ));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    /// Packages with normal and development dependencies.
    fn packages(described: &[(&str, &[&str], &[&str])]) -> Vec<Package> {
        let package = |(name, normal, dev): &(&str, &[&str], &[&str])| {
            let normal = normal.iter().map(|name| (name, false));
            let used = normal.chain(dev.iter().map(|name| (name, true)));
            let dependencies =
                used.map(|(name, dev)| Dependency { name: (*name).to_owned(), dev }).collect();
            Package { name: (*name).to_owned(), directory: name.into(), dependencies }
        };
        described.iter().map(package).collect()
    }

    #[test]
    fn arrows_in_the_table_are_right() {
        let good = packages(&[
            ("rudp-base", &["blake3"], &["proptest"]),
            ("rudp-sim", &["rudp-base"], &[]),
            ("rudp-net", &["rudp-base"], &["rudp-sim"]),
        ]);
        assert_eq!(wrong_arrows(&good), [""; 0]);
    }

    #[test]
    fn other_arrows_are_wrong() {
        let bad = packages(&[
            ("rudp-base", &["rudp-sim"], &[]),
            ("rudp-sim", &["rudp-base"], &["rudp-net"]),
            ("rudp-net", &["rudp-sim"], &[]),
        ]);
        assert_eq!(
            wrong_arrows(&bad),
            [
                "rudp-base/Cargo.toml: rudp-base may not use rudp-sim; it may use: nothing of ours",
                "rudp-sim/Cargo.toml: rudp-sim may not use rudp-net in its tests; \
                 it may use: rudp-base",
                "rudp-net/Cargo.toml: rudp-net may not use rudp-sim; it may use: rudp-base",
            ]
        );
    }

    #[test]
    fn every_package_is_in_the_table() {
        let complaints = wrong_arrows(&packages(&[("rudp-new", &[], &[])]));
        assert!(complaints[0].contains("add it to the table and to ARCHITECTURE.md"));
    }

    #[test]
    fn nothing_below_the_line_may_use_what_is_above() {
        for layer in LAYERS.iter().filter(|layer| layer.side == Below) {
            for used in layer.may_use {
                assert!(is_below(used), "{} uses {used}", layer.name);
            }
        }
    }
}
