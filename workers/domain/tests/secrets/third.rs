//! Values that do not stand right behind their name: on the line below, behind a fallback, in lists, in
//! quotes of a language's own, in tables, in sentences; and those that no name stands before.

use super::corpus::{Case, V, case};

const FORMS: &[(&str, &str)] = &[
    // Below the name.
    ("below", "db:\n  password: |\n    §\n"),
    ("below", "db:\n  password: >-\n    §\n  port: 1\n"),
    ("below", "password:\n  §\n"),
    ("below", "passwords:\n  - §\n  - \"second\"\n"),
    ("below", "db_password = <<~TXT\n  §\nTXT"),
    ("below", "password = \"\"\"\n§\n\"\"\""),
    ("below", "variable \"db_password\" {\n  type = string\n  default     = \"§\"\n}"),
    // Where a setting is missing.
    ("fallback", "const password = process.env.PASSWORD || '§';"),
    ("fallback", "process.env.DB_PASSWORD ?? \"§\""),
    ("fallback", "getenv(\"DB_PASSWORD\") ?: \"§\""),
    ("fallback", "ENV['DB_PASSWORD'] || '§'"),
    ("fallback", "os.environ.get('DB_PASSWORD') or '§'"),
    ("fallback", "mysql --password=${DB_PASSWORD:-§}"),
    ("fallback", "spring.datasource.password: ${DB_PASSWORD:§}"),
    ("fallback", "@Value(\"${db.password:§}\")"),
    // A language's own quotes and brackets.
    ("quotes", "my $password = q{§};"),
    ("quotes", "my $pw = qq(§);"),
    ("quotes", "password = %q(§)"),
    ("quotes", "std::string password{\"§\"};"),
    ("quotes", "password ← \"§\""),
    ("quotes", "passwords = [\"§\", \"x\"]"),
    ("quotes", "(setq smtp-password \"§\")"),
    ("quotes", "(def password \"§\")"),
    ("quotes", "password = decode('§')"),
    // Tables.
    ("table", "user,password\nbob,§\n"),
    ("table", "user;passwort;name\nbob;\"§\";x\n"),
    ("table", "| user | password |\n|---|---|\n| bob | § |"),
    ("table", "| password | § |"),
    // Sentences.
    ("sentence", "// the admin password is §"),
    ("sentence", "The password for the database is `§`."),
    ("sentence", "SET PASSWORD FOR 'app' = '§';"),
    ("sentence", "username admin password 0 §"),
    // No name.
    ("call", "curl -H \"Authorization: Token §\""),
    ("call", "jwt.sign(payload, '§')"),
    ("call", "jwt.encode(claims, \"§\", algorithm='HS256')"),
    ("call", "hmac.new(b'§', message)"),
    ("call", "createHmac('sha256', '§')"),
    ("call", "DriverManager.getConnection(url, \"app\", \"§\")"),
    ("call", "mysqli_connect('localhost', 'app', '§', 'shop')"),
    ("call", "new PDO('mysql:host=h', 'app', '§')"),
    ("call", "server.login('me@h.internal', '§')"),
    ("call", "echo § | docker login --password-stdin"),
    ("call", "echo '§' | sudo -S true"),
    ("call", "openssl enc -aes-256-cbc -k §"),
];

pub fn cases() -> Vec<Case> {
    let values = [V::R(16), V::P(14), V::Is("Summer!2024")];
    let each = |(n, (kind, form)): (usize, &(&'static str, &str))| {
        values.map(|v| case(kind, form, &super::corpus::value(v, n * 101 + 91_000)))
    };
    FORMS.iter().enumerate().flat_map(each).collect()
}
