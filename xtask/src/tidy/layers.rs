//! Which crate may know which.

use super::Finding;
use crate::tree::Tree;

/// The crates of `crates/` and everything that each may depend on outside its tests. A new crate
/// or a new dependency is a decision: it is made here and explained in ARCHITECTURE.md.
const LAYERS: &[(&str, &[&str])] = &[
    ("gort-sys", &["bitflags", "linux-raw-sys"]),
    ("gort-rt", &["gimli", "gort-sys"]),
    ("gort-macros", &["proc-macro2", "quote", "syn"]),
    (
        "gort",
        &[
            "addr2line",
            "gort-macros",
            "gort-rt",
            "gort-sys",
            "libc",
            "lock_api",
            "object",
            "rustc-demangle",
        ],
    ),
    ("gort-std", &["gort", "gort-rt", "gort-sys", "libc"]),
];

/// The crates that do without std.
const NO_STD: &[&str] = &["gort-sys", "gort-rt"];

/// Dependencies point down the layers only. Those of tests are free, except that they too may not
/// name a crate of the layers above.
pub(super) fn edges(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending("/Cargo.toml") {
        let Some(name) = path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        if name.contains('/') {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            findings.push(Finding::new(path, 1, format!("{name} is not in the table of layers")));
            continue;
        };
        for dependency in dependencies(text) {
            let Dependency { line, name: other, dev } = dependency;
            let ours = other == "gort" || other.starts_with("gort-");
            if (ours || !dev) && !allowed.contains(&other.as_str()) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("{name} may not depend on {other}"),
                ));
            }
        }
    }
    findings
}

struct Dependency {
    line: usize,
    name: String,
    dev: bool,
}

/// The dependency tables of a manifest, as far as they are written one dependency a line or one a
/// table, which is how they are written here.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let mut add = |name: &str, section: &str| {
            found.push(Dependency {
                line: number + 1,
                name: name.trim_matches(['"', '\'']).into(),
                dev: section.ends_with("dev-dependencies"),
            });
        };
        if let Some(header) = line.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default().into();
            if let Some((table, name)) = section.rsplit_once('.')
                && table.ends_with("dependencies")
            {
                add(name, table);
            }
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with('#')
        {
            let key = key.trim();
            if section.ends_with("dependencies") {
                // `package = "…"` inside the braces is the crate's own name.
                let renamed = value.split_once("package").and_then(|(_, v)| v.split('"').nth(1));
                add(renamed.unwrap_or(key.split('.').next().unwrap_or(key)), &section);
            } else if key == "package"
                && let Some((table, _)) = section.rsplit_once('.')
                && table.ends_with("dependencies")
            {
                add(value.trim(), table);
            }
        }
    }
    found
}

/// A crate without std says so without condition, and lets std in only for its `std` feature or its
/// own tests. What it then names of std is the compiler's to check, in the build without features.
pub(super) fn no_std(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in NO_STD {
        let root = format!("crates/{name}/src/lib.rs");
        let Some(text) = tree.get(&root) else { continue };
        if !text.lines().any(|line| line.trim() == "#![no_std]") {
            findings.push(Finding::new(&root, 1, "the crate is not #![no_std]"));
        }
        for (path, text) in tree.ending(".rs") {
            if !path.starts_with(&format!("crates/{name}/src/")) {
                continue;
            }
            let mut before = "";
            for (number, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("extern crate std")
                    && !["#[cfg(feature = \"std\")]", "#[cfg(test)]"].contains(&before.trim())
                {
                    let message = "std comes in without its feature being asked for";
                    findings.push(Finding::new(path, number + 1, message));
                }
                before = line;
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn dependencies_point_down() {
        let down = "[package]\nname = \"gort\"\n[dependencies]\ngort-rt.workspace = true\n\
                    gort-sys = { path = \"..\" }\n[dependencies.gort-macros]\nversion = \"1\"\n";
        assert_eq!(found(edges, &[("crates/gort/Cargo.toml", down)]), [""; 0]);
        for (up, line) in [
            ("[dependencies]\n# a comment = 1\ngort-rt = \"1\"", 3),
            ("[dependencies]\ngort.workspace = true", 2),
            ("[dependencies]\nlibc = \"0.2\"", 2),
            ("[dependencies.gort]\npath = \"../gort\"", 1),
            ("[dependencies.bitflags]\npackage = \"gort\"", 2),
            ("[dependencies]\nbitflags = { package = \"gort-rt\", path = \"x\" }", 2),
            ("[build-dependencies]\ncc = \"1\"", 2),
            ("[target.'cfg(target_os = \"linux\")'.dependencies]\nlibc = \"0.2\"", 2),
            ("[dev-dependencies]\ngort = { path = \"../gort\" }", 2),
        ] {
            let path = "crates/gort-sys/Cargo.toml";
            assert_eq!(found(edges, &[(path, up)]), [format!("{path}:{line}")], "{up}");
        }
    }

    #[test]
    fn tests_may_use_other_crates() {
        let text = "[dependencies]\nbitflags.workspace = true\n[dev-dependencies]\nlibc = \"0.2\"\n\
                    [[bench]]\nname = \"x\"\n[features]\nstd = []\n";
        assert_eq!(found(edges, &[("crates/gort-sys/Cargo.toml", text)]), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_eq!(found(edges, &[("crates/new/Cargo.toml", "")]), ["crates/new/Cargo.toml:1"]);
        assert_eq!(found(edges, &[("crates/gort-sys/fuzz/Cargo.toml", "")]), [""; 0]);
    }

    #[test]
    fn std_comes_in_by_its_feature_only() {
        let root = "crates/gort-sys/src/lib.rs";
        let good = "#![no_std]\n#[cfg(feature = \"std\")]\nextern crate std;\n";
        assert_eq!(found(no_std, &[(root, good)]), [""; 0]);
        assert_eq!(found(no_std, &[(root, "//! no_std\n")]), [format!("{root}:1")]);
        let bare = "#![no_std]\nextern crate std;\n";
        assert_eq!(found(no_std, &[(root, bare)]), [format!("{root}:2")]);
        let child = "crates/gort-sys/src/a.rs";
        let files = [(root, good), (child, "    extern crate std as s;\n")];
        assert_eq!(found(no_std, &files), [format!("{child}:1")]);
    }
}
