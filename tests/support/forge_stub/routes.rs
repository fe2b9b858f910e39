//! Which requests there are, and the schemas that they and their answers keep to.

use super::answers;
use super::world::World;
use jsonschema::Validator;
use queue_schema::forge::ForgeKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Status, headers and body.
pub(super) type Answer = (u16, Vec<(String, String)>, String);

struct Route {
    method: String,
    pattern: String,
    request: Option<Validator>,
    ok: u16,
    /// And whether it is a list of such.
    response: Option<(Validator, bool)>,
}

pub(super) struct Routes {
    kind: ForgeKind,
    routes: Vec<Route>,
}

/// What the handler of a route gets.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) pattern: &'a str,
    pub(super) names: BTreeMap<String, String>,
    pub(super) query: HashMap<String, String>,
    pub(super) body: &'a Value,
}

impl Call<'_> {
    /// A number in the path.
    pub(super) fn id(&self, name: &str) -> u64 {
        self.names[name].parse().unwrap_or_default()
    }
}

impl Routes {
    pub(super) fn of(kind: ForgeKind) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/forges");
        let read = |name: &str| -> Value {
            serde_json::from_str(&std::fs::read_to_string(dir.join(name)).unwrap()).unwrap()
        };
        let validator = |place: &str| {
            let (file, at) = place.split_once('#').unwrap();
            let mut schema = read(file);
            schema["$ref"] = json!(format!("#{at}"));
            jsonschema::validator_for(&schema).unwrap()
        };
        let all = read("routes.json");
        let own = all.as_array().unwrap().iter().filter(|r| r["forge"] == kind.name());
        let routes = own
            .map(|r| Route {
                method: r["method"].as_str().unwrap().to_owned(),
                pattern: r["path"].as_str().unwrap().to_owned(),
                request: r["request"].as_str().map(validator),
                ok: u16::try_from(r["ok"].as_u64().unwrap()).unwrap(),
                response: r["response"].as_str().map(|place| match place.strip_suffix("[]") {
                    Some(one) => (validator(one), true),
                    None => (validator(place), false),
                }),
            })
            .collect();
        Self { kind, routes }
    }

    /// Checks a request, does it, and checks the answer.
    pub(super) fn answer(
        &self,
        world: &mut World,
        token: Option<&str>,
        method: &str,
        path: &str,
        query: &str,
        body: &Value,
    ) -> Answer {
        let wanted = match self.kind {
            ForgeKind::Github => format!("Bearer {}", world.token),
            ForgeKind::Gitlab => world.token.clone(),
            ForgeKind::Gitea => format!("token {}", world.token),
        };
        if token != Some(&wanted) {
            return (401, Vec::new(), json!({"message": "Bad credentials"}).to_string());
        }
        let mut found = self.routes.iter().filter(|r| r.method == method);
        let Some((route, names)) = found.find_map(|r| Some((r, names(&r.pattern, path)?))) else {
            world.wrong.push(format!("no such request: {method} {path}"));
            return (404, Vec::new(), json!({"message": "Not Found"}).to_string());
        };
        if let Some(schema) = &route.request {
            let wrong = schema
                .iter_errors(body)
                .map(|e| format!("{method} {path}: {}: {e}", e.instance_path()));
            world.wrong.extend(wrong);
        }
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = query.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let call = Call { method, pattern: &route.pattern, names, query, body };
        let (status, value) = answers::answer(world, &call);
        if status != route.ok {
            return (status, Vec::new(), value.to_string());
        }
        let Some((schema, list)) = &route.response else {
            return (
                status,
                Vec::new(),
                if status == 204 { String::new() } else { value.to_string() },
            );
        };
        let entries = if *list { value.as_array().unwrap().clone() } else { vec![value.clone()] };
        for entry in &entries {
            let wrong = schema
                .iter_errors(entry)
                .map(|e| format!("the stub's own {path}: {}: {e}", e.instance_path()));
            world.wrong.extend(wrong);
        }
        if *list {
            paged(self.kind, world, &call, path, &entries)
        } else {
            (status, Vec::new(), value.to_string())
        }
    }
}

/// One page of a list, and where the next one is.
fn paged(kind: ForgeKind, world: &World, call: &Call<'_>, path: &str, entries: &[Value]) -> Answer {
    let gitea = kind == ForgeKind::Gitea;
    let mut headers = Vec::new();
    if gitea && !path.contains("/reviews/") {
        headers.push(("x-total-count".to_owned(), entries.len().to_string()));
    }
    // Gitea gives these in one.
    if gitea && path.ends_with("/comments") {
        return (200, headers, json!(entries).to_string());
    }
    let size = if kind == ForgeKind::Gitea { "limit" } else { "per_page" };
    let number = |name: &str, default: usize| {
        call.query.get(name).and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let (page, size) = (number("page", 1).max(1), number(size, 20).min(world.page_size));
    let shown: Vec<_> = entries.iter().skip((page - 1) * size).take(size).collect();
    let more = page * size < entries.len();
    if kind == ForgeKind::Gitlab {
        let next = if more { (page + 1).to_string() } else { String::new() };
        headers.push(("x-next-page".to_owned(), next));
    } else if more && !(gitea && path.ends_with("/reviews")) {
        // Another host, as behind a proxy that was set up wrongly: nobody may follow it there.
        let others = call.query.iter().filter(|(n, _)| *n != "page");
        let kept: Vec<String> = others.map(|(n, v)| format!("{n}={v}&")).collect();
        let kept = kept.concat();
        let next =
            format!("<http://elsewhere.invalid{path}?{kept}page={}>; rel=\"next\"", page + 1);
        headers.push((
            "link".to_owned(),
            format!("{next}, <http://elsewhere.invalid/>; rel=\"last\""),
        ));
    }
    (200, headers, json!(shown).to_string())
}

/// What the names of a pattern stand for in a path.
fn names(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut names = BTreeMap::new();
    for (wanted, got) in pattern.into_iter().zip(path) {
        match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => {
                names.insert(name.to_owned(), got.to_owned());
            }
            None if wanted == got => {}
            None => return None,
        }
    }
    Some(names)
}
