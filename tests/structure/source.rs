//! Just enough of Rust's grammar to find the paths in a source file.

/// The segments of a path from the crate's root: of a module, or of an item in it.
pub type Name = Vec<String>;

/// Splits source text into identifiers, numbers, `::` and single characters, without comments, literals and lifetimes.
pub fn tokens(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut all, mut rest) = (vec![], text);
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
        let hashes = rest.bytes().skip(1).take_while(|b| *b == b'#').count();
        if rest.starts_with("//") {
            length = until("\n", 0);
        } else if rest.starts_with("/*") {
            length = until("*/", 2);
        } else if c == 'r' && rest[1 + hashes..].starts_with('"') {
            length = until(&format!("\"{}", "#".repeat(hashes)), 2 + hashes);
        } else if c == '"' || rest.starts_with("'\\") {
            let mut escaped = false;
            let ends = rest.char_indices().skip(1).find(|&(_, next)| {
                let ends = next == c && !escaped;
                escaped = next == '\\' && !escaped;
                ends
            });
            length = ends.map_or(rest.len(), |(at, _)| at + 1);
        } else if c == '\'' {
            // A character literal, or a lifetime, which goes on as a word does.
            let literal = rest.chars().nth(2) == Some('\'');
            length = if literal { until("'", 1) } else { 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(0) };
        } else if is_word(c) {
            length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            all.push(rest[..length].to_owned());
        } else if rest.starts_with("::") {
            length = 2;
            all.push("::".into());
        } else if !c.is_whitespace() {
            all.push(c.to_string());
        }
        rest = &rest[length..];
    }
    all
}

/// The position after the bracket that closes the one at `open`.
fn after_bracket(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    let ends = tokens[open..].iter().position(|token| {
        depth += i32::from(["(", "[", "{"].contains(&&**token)) - i32::from([")", "]", "}"].contains(&&**token));
        depth == 0
    });
    ends.map_or(tokens.len(), |at| open + at + 1)
}

/// Removes items under `#[cfg(test)]`.
pub fn without_tests(mut tokens: Vec<String>) -> Vec<String> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    while let Some(start) = tokens.windows(7).position(|window| window == marker) {
        let ends = tokens[start + 7..].iter().position(|token| token == ";" || token == "{").expect("an item follows");
        let end = start + 7 + ends;
        let end = if tokens[end] == "{" { after_bracket(&tokens, end) } else { end + 1 };
        tokens.drain(start..end);
    }
    tokens
}

/// The paths of a `use` tree, each with the name that it brings into scope (`*` for a glob), and the position after it.
pub fn use_tree(tokens: &[String], mut at: usize, prefix: &Name, found: &mut Vec<(Name, String)>) -> usize {
    let mut path = prefix.clone();
    loop {
        match &*tokens[at] {
            "{" => {
                let end = after_bracket(tokens, at) - 1;
                at += 1;
                while at < end {
                    at = use_tree(tokens, at, &path, found);
                    at += usize::from(tokens[at] == ",");
                }
                return end + 1;
            }
            "::" => at += 1,
            word => {
                path.push(word.to_owned());
                at += 1;
                if tokens[at] != "::" {
                    break;
                }
            }
        }
    }
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let renamed = tokens[at] == "as";
    let name = if renamed { &tokens[at + 1] } else { path.last().expect("a path has a segment") };
    found.push((path.clone(), name.clone()));
    at + if renamed { 2 } else { 0 }
}
