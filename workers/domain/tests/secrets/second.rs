//! A second table with other names, places and values, written before the masks were tuned. Tuned by the first
//! table alone they found 0.96 of it; the four forms that they missed were mended then, so it is held out no longer.

use super::corpus::{Case, V, case, pem, value};

const FORMS: &[(&str, &str, V)] = &[
    // Code of further languages.
    ("code", "val smtpPassword = \"§\"", V::Is("Tulip!Garden9")),
    ("code", "let dbPassword: String = \"§\"", V::P(11)),
    ("code", "my $passwd = '§';", V::Is("blue monday")),
    ("code", "@ftp_pass = \"§\"", V::P(13)),
    ("code", "String mysqlPwd = \"§\";", V::Is("Zebra#2019")),
    ("code", "wifi_pass <- \"§\"", V::Is("kitchen table 42")),
    ("code", "static NSString *const kApiSecret = @\"§\";", V::R(40)),
    ("code", "const char *root_pw = \"§\";", V::Is("Gr33nApple")),
    ("code", "Dim adminPassword As String = \"§\"", V::Is("Blackbird7!")),
    ("code", "os.environ[\"STRIPE_SECRET\"] = \"§\"", V::R(32)),
    ("code", "Sys.setenv(DB_PASSWORD = \"§\")", V::P(12)),
    ("code", "config :app, secret_key_base: \"§\"", V::R(64)),
    (
        "code",
        "System.setProperty(\"javax.net.ssl.keyStorePassword\", \"§\");",
        V::Is("Keystore2020!"),
    ),
    ("code", "client.login(\"app\", password=\"§\")", V::Is("purple rain")),
    ("code", "final refreshToken = '§';", V::R(43)),
    ("code", "requests.get(url, auth=('app', '§'))", V::Is("Str0ng-Coffee")),
    ("code", "new NetworkCredential(\"app\", \"§\")", V::Is("C0ffee&Cream")),
    ("code", "credentials = Credentials(user=\"x\", passwd=\"§\")", V::P(10)),
    // Names of further languages.
    ("language", "heslo = \"§\"", V::Is("modrá9Kočka")),
    ("language", "losenord: \"§\"", V::Is("Midsommar22")),
    ("language", "adgangskode=§", V::R(12)),
    ("language", "salasana = '§'", V::Is("Sauna-talvi8")),
    ("language", "jelszo = \"§\"", V::P(12)),
    ("language", "passord: '§'", V::Is("Fjord2021x")),
    ("language", "\"codigo_secreto\": \"§\"", V::R(24)),
    ("language", "jeton_secret = \"§\"", V::R(30)),
    ("language", "zugangstoken: §", V::R(28)),
    ("language", "секретный_ключ = '§'", V::R(32)),
    ("language", "パスワード: \"§\"", V::Is("sakura-2024")),
    ("language", "访问令牌 = \"§\"", V::R(36)),
    ("language", "gizli_anahtar = \"§\"", V::R(32)),
    ("language", "matkhau = \"§\"", V::P(10)),
    ("language", "parolaDb = \"§\"", V::Is("Trenta3Trentini")),
    ("language", "암호 = \"§\"", V::P(12)),
    // Files of settings.
    ("settings", "[mail]\nsmtp_pass = §\n", V::P(12)),
    ("settings", "MasterUserPassword: §", V::P(16)),
    ("settings", "Environment=\"SESSION_SECRET=§\"", V::R(32)),
    ("settings", "withEnv([\"DEPLOY_TOKEN=§\"]) {", V::R(32)),
    ("settings", "ansible_become_pass: \"§\"", V::Is("Rainy!Tuesday")),
    ("settings", "DB_PASSWORD := §", V::R(14)),
    ("settings", "SetEnv APP_PASSWORD §", V::R(12)),
    ("settings", "fastcgi_param DB_PASS \"§\";", V::Is("Moonlight88")),
    ("settings", "{\"name\": \"API_TOKEN\", \"value\": \"§\"}", V::R(32)),
    ("settings", "env:\n  - name: REDIS_PASSWORD\n    value: §\n", V::R(16)),
    ("settings", "masterauth §", V::R(24)),
    ("settings", "user app on >§ ~* +@all", V::R(14)),
    (
        "settings",
        "<connectionString>Data Source=x;User Id=sa;Password=§;</connectionString>",
        V::Is("Orange-Juice1"),
    ),
    ("settings", "<entry key=\"db.password\">§</entry>", V::Is("Velvet$Room5")),
    ("settings", "0 3 * * * MYSQL_PWD=§ mysqldump shop", V::R(12)),
    ("settings", "kind: Secret\napiVersion: v1\ndata:\n  cfg: \"®\"\n", V::R(30)),
    ("settings", "apiVersion: v1\ndata:\n    a: ®\nkind: Secret\n", V::Is("river-stone-77")),
    // Commands.
    ("command", "wget --user=app --password='§' https://h.internal/x", V::Is("Green!Bottle3")),
    ("command", "ldapsearch -D cn=admin -w § -b dc=x", V::R(12)),
    ("command", "smbclient //h/x -U app%§", V::R(12)),
    ("command", "openssl rsa -in k.pem -passin pass:§", V::R(14)),
    ("command", "keytool -genkey -storepass § -alias x", V::R(12)),
    ("command", "unzip -P § x.zip", V::R(12)),
    ("command", "echo 'app:§' | chpasswd", V::Is("Sunny#Day12")),
    ("command", "az login -u app -p '§'", V::P(16)),
    ("command", "mariadb -h db -uapp -p§", V::P(12)),
    ("command", "curl --proxy-user app:§ https://h.internal", V::R(12)),
    ("command", "curl -H 'PRIVATE-TOKEN: §' https://h.internal", V::R(24)),
    ("command", "mongo --username app --password § db", V::R(14)),
    ("command", "psql \"postgresql://app:§@db/x\"", V::P(12)),
    // SQL.
    (
        "sql",
        "alter user 'root'@'localhost' identified with mysql_native_password by '§';",
        V::Is("Lemon!Tree44"),
    ),
    ("sql", "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'app', password '§');", V::P(12)),
    ("sql", "CREATE USER [app] WITH PASSWORD=N'§'", V::Is("Silver*Moon6")),
    // Disguised.
    ("disguised", "val t = \"gh¦o_«\" + \"»\"", V::R(36)),
    ("disguised", "pwd := \"«\" +\n\t\t\"»\"", V::P(16)),
    ("disguised", "SECRET = \"«\" \\\n         \"»\"", V::R(32)),
    ("disguised", "Dim token = \"«\" & \"»\"", V::R(32)),
    ("disguised", "{\"api_key\": \"µ\"}", V::R(24)),
    ("disguised", "auth_token = '¤'", V::R(24)),
    ("disguised", "passwort = \"¶\"", V::P(14)),
    ("disguised", "\"np¦m_¶\"", V::R(36)),
    // Hashes and files.
    ("hash", "app:$5$rounds=5000$Zk3vT9wQ$§:18000:0:99999:7:::", V::R(43)),
    ("hash", "pw = \"$2y$10$§\"", V::R(53)),
    ("hash", "password: scrypt:32768:8:1$Zk3vT9wQ$§", V::H(128)),
    ("file", "localhost:3306:app:root:§\n", V::P(10)),
    ("file", "machine x login y password §\nmachine z", V::P(10)),
    ("file", "\"auth\": \"®\"", V::Is("robot:Xk92-Qpw7-Rst4")),
    ("file", "//npm.pkg.github.com/:_authToken=§", V::R(40)),
    // Services.
    ("service", "\"sk¦-svcacct-§\"", V::R(58)),
    ("service", "\"rk¦_live_§\"", V::R(24)),
    ("service", "\"gl¦dt-§\"", V::R(20)),
    ("service", "\"xo¦xp-123456789012-123456789012-123456789012-§\"", V::H(32)),
    ("service", "\"ATATT3xFfGF0§\"", V::R(180)),
    ("service", "\"pnu_§\"", V::R(36)),
    ("service", "\"rdme_§\"", V::H(70)),
    ("service", "\"sq0¦csp-§\"", V::R(43)),
    ("service", "\"h¦f_§\"", V::R(34)),
    ("service", "\"dt0c01.ABCDEFGHIJKLMNOPQRSTUVWX.§\"", V::U(64)),
    ("service", "TWITTER_KEY = '§'", V::R(25)),
    ("service", "\"EZAK§\"", V::R(54)),
    ("service", "\"shippo_live_§\"", V::H(40)),
    ("service", "https://sentry.internal/x?sig=§", V::R(43)),
    ("number", "verification_password = '§'", V::D(10)),
];

pub fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = FORMS
        .iter()
        .enumerate()
        .map(|(n, (kind, form, v))| case(kind, form, &value(*v, n * 101 + 77_000)))
        .collect();
    for (seed, (label, lines)) in
        [("EC PRIVATE KEY", 500), ("PGP PRIVATE KEY BLOCK", 90)].into_iter().enumerate()
    {
        let (text, secrets) = pem(label, lines, seed + 50);
        all.push(Case { kind: "private key", text, secrets });
    }
    all
}
