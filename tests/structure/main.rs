//! The architecture of `src/`: the list of modules in `src/lib.rs` is the order of imports, and no files import each other
//! in a cycle. The test reads the sources as text: `use` items and paths in code. Not read: comments, strings, and what is
//! compiled for unit tests only. An import through a re-export counts as an import of the file that defines the name.
mod source;

use source::{Name, tokens, use_tree, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module with a file of its own.
#[derive(Default)]
struct Module {
    /// As shown in messages, such as `src/comm/mod.rs`.
    file: String,
    tokens: Vec<String>,
    /// What each name in scope stands for: imported names and child modules.
    scope: BTreeMap<String, Name>,
    /// Everything that the code of the module refers to.
    references: BTreeSet<Name>,
}

type Modules = BTreeMap<Name, Module>;

/// The path from the root, if it leads into the crate.
fn absolute(path: &[String], module: &Name, scope: &BTreeMap<String, Name>) -> Option<Name> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match (&*path[0], scope.get(&path[0])) {
        ("crate", _) => (&[][..], &path[1..]),
        ("self", _) => (&module[..], &path[1..]),
        ("super", _) => (&module[..module.len() - supers], &path[supers..]),
        (_, Some(target)) => (&target[..], &path[1..]),
        _ => return None,
    };
    Some([base, rest].concat())
}

/// Reads a folder of modules below the module `parent`.
fn read(folder: &Path, parent: &Name, modules: &mut Modules) {
    for entry in fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.path().file_stem().unwrap().to_string_lossy().into_owned());
        let module = [&parent[..], std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read(&path, &module, modules);
        } else if path.extension().is_some_and(|end| end == "rs") && name != "tests" {
            let module = if ["mod", "lib"].contains(&&*name) { parent.clone() } else { module };
            let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
            let tokens = without_tests(tokens(&fs::read_to_string(&path).expect("a source in UTF-8")));
            modules.insert(module, Module { file, tokens, ..Module::default() });
        }
    }
}

/// Finds what a module has in scope, and what its code refers to. A re-export alone is no reference.
fn analyse(name: &Name, children: Vec<Name>, module: &mut Module) {
    let Module { tokens, scope, references, .. } = module;
    scope.extend(children.into_iter().map(|child| (child.last().unwrap().clone(), child)));
    let (mut imports, mut code, mut at) = (vec![], vec![], 0);
    while at < tokens.len() {
        if tokens[at] == "use" && (at == 0 || [";", "}", "{", "]", ")", "pub"].contains(&&*tokens[at - 1])) {
            let is_public = at > 0 && ["pub", ")"].contains(&&*tokens[at - 1]);
            let mut found = vec![];
            at = use_tree(tokens, at + 1, &vec![], &mut found);
            imports.extend(found.into_iter().map(|(path, alias)| (path, alias, is_public)));
        } else {
            code.push(tokens[at].as_str());
            at += 1;
        }
    }
    let uses = |name: &str| (0..code.len()).any(|at| code[at] == name && (at == 0 || code[at - 1] != "mod"));
    // Twice, for an import that begins with a name that another one brings into scope.
    for _ in 0..2 {
        for (path, alias, is_public) in &imports {
            if let Some(target) = absolute(path, name, scope) {
                if !is_public || uses(alias) {
                    references.insert(target.clone());
                }
                scope.insert(alias.clone(), target);
            }
        }
    }
    for start in 0..code.len().saturating_sub(2) {
        // Not from the middle of a path, nor the path of a visibility.
        if code[start + 1] == "::" && (start == 0 || !["::", "in"].contains(&code[start - 1])) {
            let next = |at: &usize| code.get(at + 1) == Some(&"::") && code.get(at + 2).is_some();
            let segments = std::iter::successors(Some(start), |at| next(at).then_some(at + 2));
            let path: Name = segments.map(|at| code[at].to_owned()).collect();
            references.extend(absolute(&path, name, scope));
        }
    }
}

/// The module whose file defines what a path names, and the name of the item there: re-exports are followed.
fn definition(modules: &Modules, path: &Name) -> (Name, String) {
    let mut path = path.clone();
    for _ in 0..10 {
        let depth = (0..=path.len()).take_while(|&n| modules.contains_key(&path[..n])).last().unwrap_or(0);
        let (module, rest) = path.split_at(depth);
        let target = rest.first().and_then(|item| modules[module].scope.get(item));
        match target {
            Some(target) => path = [&target[..], &rest[1..]].concat(),
            None => return (module.to_vec(), rest.first().cloned().unwrap_or_else(|| "the module".into())),
        }
    }
    panic!("the re-export {path:?} leads in a circle");
}

#[test]
fn imports_follow_the_list_of_modules_and_have_no_cycles() {
    let mut modules = Modules::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &vec![], &mut modules);
    let names: Vec<Name> = modules.keys().cloned().collect();
    for (name, module) in &mut modules {
        let children = names.iter().filter(|child| child.len() == name.len() + 1 && child.starts_with(name));
        analyse(name, children.cloned().collect(), module);
    }
    let root = &modules[&vec![]].tokens;
    let order: Vec<&String> = root.windows(3).filter(|w| w[0] == "mod" && w[2] == ";").map(|w| &w[1]).collect();
    assert!(order.len() > 5, "src/lib.rs lists {order:?}");
    let place = |module: &Name| order.iter().position(|name| **name == module[0]).expect("a listed module");

    let mut imports: BTreeMap<&Name, BTreeMap<Name, BTreeSet<String>>> = BTreeMap::new();
    for (name, module) in modules.iter().filter(|(name, _)| !name.is_empty() && name[0] != "docs") {
        let targets = imports.entry(name).or_default();
        for (target, item) in module.references.iter().map(|path| definition(&modules, path)) {
            if !target.is_empty() && target != *name {
                targets.entry(target).or_default().insert(item);
            }
        }
    }
    assert!(imports.values().flatten().count() > 500, "the sources are not understood");

    let reachable = |from: &Name| {
        let mut seen = BTreeSet::from([from.clone()]);
        let mut open = vec![from.clone()];
        while let Some(module) = open.pop() {
            open.extend(imports[&module].keys().filter(|target| seen.insert((*target).clone())).cloned());
        }
        seen
    };
    let (mut upward, mut cyclic) = (vec![], vec![]);
    for (from, targets) in &imports {
        for (to, items) in targets {
            let items = items.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let line = format!("  {} -> {} ({items})", modules[*from].file, modules[to].file);
            if place(to) > place(from) {
                upward.push(line);
            } else if reachable(to).contains(*from) {
                cyclic.push(line);
            }
        }
    }
    assert!(
        upward.is_empty() && cyclic.is_empty(),
        "{} imports of a module that src/lib.rs lists later:\n{}\n{} more imports that are part of a cycle of files:\n{}",
        upward.len(),
        upward.join("\n"),
        cyclic.len(),
        cyclic.join("\n"),
    );
}
