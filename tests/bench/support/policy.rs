//! Large policies as they are written: services of resources, each with the routes that
//! such resources have, and roles that inherit. The same size gives the same text.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) services: usize,
    /// Routes of each service.
    pub(crate) routes: usize,
    pub(crate) roles: usize,
}

/// A request that meets a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) method: &'static str,
    pub(crate) path: String,
}

/// The routes of a resource: methods, what comes below `/service/resource`, what is
/// required of the codes of the resource, and a path that meets it.
const SHAPES: [(&str, &str, &str, &str); 10] = [
    ("GET", "", "codes: '{}:read'", ""),
    ("POST", "", "codes: '{}:write'", ""),
    ("GET", "/{id}", "codes: '{}:read'", "/4711"),
    ("PUT,PATCH", "/{id}", "codes: { any: ['{}:write', '{}:own'] }", "/4711"),
    ("DELETE", "/{id}", "codes: { all: ['{}:write', '{}:delete'] }", "/4711"),
    ("GET", "/{id}/items/{item}", "codes: '{}:read'", "/4711/items/12"),
    ("PUT", "/{id}/items/{item}", "codes: '{}:write', when: path.id != 'archive'", "/4711/items/12"),
    ("GET", "/{id}/files/**", "codes: '{}:read', ip: { deny: blocked }", "/4711/files/a/b/c"),
    ("GET", "/{id}/audit", "codes: '{}:read', roles: auditor", "/4711/audit"),
    ("GET", "/health", "access: anonymous", "/health"),
];

impl Size {
    /// As many routes as this, a hundred in a service.
    pub(crate) fn of(routes: usize, roles: usize) -> Self {
        Self { services: routes.div_ceil(100), routes: routes.min(100), roles }
    }

    /// The files, by name.
    pub(crate) fn files(self) -> Vec<(String, String)> {
        let services = (0..self.services).map(|service| (file(service), self.service(service)));
        [("roles.yaml".to_owned(), self.roles())].into_iter().chain(services).collect()
    }

    /// Writes the files to a folder, which it makes.
    pub(crate) fn write(self, folder: &Path) {
        fs::create_dir_all(folder.join("services")).unwrap();
        for (name, text) in self.files() {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    /// Roles, each with the codes of a few resources; two of three inherit. `all` has
    /// every code.
    fn roles(self) -> String {
        let mut text = String::from(
            "networks: { blocked: [198.51.100.0/24] }\nroles:\n  all: { grants: ['*'], inherits: [auditor] }\n  \
             auditor: { grants: ['audit:*'] }\n",
        );
        let resources = self.routes.div_ceil(SHAPES.len());
        for role in 0..self.roles {
            let parent =
                if role % 3 == 0 { String::new() } else { format!("inherits: [r{}], ", role / 3 * 2 % role) };
            let codes: Vec<String> = (0..12)
                .map(|n| {
                    let (service, resource) = ((role + n * n) % self.services, (role * 7 + n) % resources);
                    let word = ["read", "read", "write", "own"][n % 4];
                    format!("'s{service}:c{resource}:{word}'")
                })
                .collect();
            let denies = if role % 10 == 9 { ", denies: ['s0:c0:delete']" } else { "" };
            writeln!(text, "  r{role}: {{ {parent}grants: [{}]{denies} }}", codes.join(", ")).unwrap();
        }
        text.push_str("bindings:\n");
        for role in 0..self.roles {
            writeln!(text, "  - {{ group: /staff/team-{role}, roles: [r{role}] }}").unwrap();
        }
        text
    }

    fn service(self, service: usize) -> String {
        let mut text = format!("services:\n  s{service}:\n    paths: [/v1/s{service}]\n    routes:\n");
        for route in 0..self.routes {
            let (methods, below, requires, _) = SHAPES[route % SHAPES.len()];
            let resource = route / SHAPES.len();
            let requires = requires.replace("{}", &format!("s{service}:c{resource}"));
            let path = format!("/v1/s{service}/c{resource}{below}");
            writeln!(text, "      - {{ route: '{methods} {path}', {requires} }}").unwrap();
        }
        text
    }

    /// How many routes there are.
    pub(crate) fn total(self) -> usize {
        self.services * self.routes
    }

    /// A request for the route of this number; those of one service lie apart.
    pub(crate) fn request(self, number: usize) -> Met {
        let (service, route) = (number % self.services, number / self.services % self.routes);
        let (methods, _, _, below) = SHAPES[route % SHAPES.len()];
        let method = methods.split(',').next().unwrap();
        Met { method, path: format!("/v1/s{service}/c{}{below}", route / SHAPES.len()) }
    }
}

/// The file of a service.
pub(crate) fn file(service: usize) -> String {
    format!("services/s{service}.yaml")
}
