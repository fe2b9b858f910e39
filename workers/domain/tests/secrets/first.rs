//! The corpus that the masks are made by.

use super::corpus::{Case, V, case, pem, value};

/// Names after which a password stands, in code and in many languages.
const PASSWORDS: &str = "DB_PASS,dbPass,pass,password,DB_PASSWORD,userPassword,passwd,pwd,db_pw,adminPw,\
    passphrase,PGPASSWORD,rootpass,smtp.password,passwort,kennwort,mot_de_passe,\
    mdp,contraseña,contrasena,clave,senha,senhaBanco,parola,wachtwoord,hasło,haslo,\
    пароль,Пароль,şifre,sifre,密码,数据库密码,パスワード,비밀번호,DATENBANK_PASSWORT,motDePasse";
/// Names after which a key or a token stands.
const KEYS: &str = "API_KEY,apiKey,auth_token,accessToken,client_secret,SECRET_KEY,jwtSecret,\
    encryption_key,signing_key,credential,session_secret,geheimnis,api_schluessel,\
    jeton_acces,cle_api,clave_api,chave_api,segredo,chiave_api,segreto,klucz_api,\
    sekret,ключ_api,токен,секрет,api_anahtari,密钥,令牌,トークン,秘密鍵,토큰,geheime_sleutel";
/// Where a name meets its value; `№` stands for the name.
const PLACES: &[(&str, &str)] = &[
    ("rust", "let № = \"§\";"),
    ("python", "№ = '§'"),
    ("javascript", "const № = '§';"),
    ("json", "  \"№\": \"§\","),
    ("yaml", "№: \"§\""),
    ("dotenv", "№='§'"),
    ("shell", "export №=\"§\""),
    ("java", "private static final String № = \"§\";"),
    ("go", "№ := \"§\""),
    ("php array", "'№' => '§',"),
    ("php", "$№ = \"§\";"),
    ("ruby", "№: '§',"),
    ("xml", "<№>§</№>"),
    ("keyword", "connect(host=\"db\", №=\"§\")"),
    ("dockerfile", "ENV № \"§\""),
    ("c", "#define № \"§\""),
    ("index", "config[\"№\"] = \"§\""),
    ("member", "self.№ = \"§\";"),
    ("powershell", "$env:№ = \"§\""),
    ("compare", "if (№ == \"§\") {"),
];
/// Places where nothing quotes the value.
const BARE: &[(&str, &str)] = &[
    ("yaml", "№: §"),
    ("dotenv", "№=§"),
    ("shell", "export №=§"),
    ("properties", "spring.№=§"),
    ("dockerfile", "ENV № §"),
    ("dockerfile", "ARG №=§"),
    ("compose", "      - №=§"),
    ("batch", "set №=§"),
    ("fish", "set -gx № §"),
    ("csh", "setenv № §"),
    ("flag", "tool --№=§ run"),
    ("command", "№=§ psql -h db"),
];

/// The value's kind and its form in a place of its own.
const FORMS: &[(&str, &str, V)] = &[
    ("sql", "CREATE USER app IDENTIFIED BY '§';", V::Human),
    ("sql", "CREATE ROLE app LOGIN PASSWORD '§';", V::P(12)),
    ("sql", "ALTER USER app WITH PASSWORD '§';", V::Human),
    ("sql", "ALTER ROLE app WITH ENCRYPTED PASSWORD '§' VALID UNTIL 'infinity';", V::P(14)),
    ("sql", "CREATE LOGIN app WITH PASSWORD = '§';", V::Human),
    ("sql", "SET PASSWORD FOR 'app'@'%' = PASSWORD('§');", V::Human),
    ("sql", "GRANT ALL ON db.* TO 'app'@'%' IDENTIFIED BY \"§\" WITH GRANT OPTION", V::P(10)),
    ("sql", "create user app identified by §;", V::R(12)),
    ("command line", "curl -u admin:§ https://h.internal/x", V::P(12)),
    ("command line", "curl -sS --user 'admin:§' https://h.internal/x", V::Human),
    ("command line", "curl -X POST -uadmin:§ https://h.internal/x", V::R(12)),
    ("command line", "mysql -u root -p§ shop", V::R(12)),
    ("command line", "mysqldump -uroot -p'§' shop > x.sql", V::Human),
    ("command line", "sshpass -p § ssh root@h.internal", V::R(10)),
    ("command line", "sshpass -p '§' scp x root@h.internal:", V::Human),
    ("command line", "redis-cli -h cache -a § PING", V::R(16)),
    ("command line", "redis-cli -a \"§\" --no-auth-warning INFO", V::Human),
    ("command line", "PGPASSWORD=§ psql -h db", V::R(10)),
    ("command line", "docker login -u ci -p § registry.internal", V::P(14)),
    ("command line", "mongosh -u root -p § --authenticationDatabase admin", V::R(12)),
    ("jdbc", "jdbc:oracle:thin:scott/§@db.internal:1521:orcl", V::R(10)),
    ("jdbc", "url = \"jdbc:oracle:thin:app/§@//db:1521/x\"", V::P(12)),
    ("jdbc", "sqlplus app/§@orcl", V::R(10)),
    ("jdbc", "jdbc:mysql://db/x?user=app&password=§&ssl=1", V::R(10)),
    (
        "kubernetes",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  login: ®\n",
        V::Human,
    ),
    ("kubernetes", "kind: Secret\ndata:\n  value.txt: ®\nmetadata:\n  name: x\n", V::R(20)),
    ("kubernetes", "data:\n  tls.key: ®\nkind: Secret\n", V::R(40)),
    ("kubernetes", "kind: Secret\nstringData:\n  plain: §\n", V::R(14)),
    ("kubernetes", "kind: Secret\nmetadata:\n  name: a\nstringData:\n  words: \"§\"\n", V::Human),
    ("kubernetes", "- name: DB_PASSWORD\n  value: \"§\"\n", V::Human),
    ("kubernetes", "{\"kind\": \"Secret\", \"data\": {\"login\": \"®\"}}", V::R(18)),
    ("split", "let password = \"«\" + \"»\";", V::R(20)),
    ("split", "password = \"«\" \"»\"", V::P(16)),
    ("split", "api_key = (\n    \"«\"\n    \"»\"\n)", V::R(32)),
    ("split", "String token = \"«\" +\n    \"»\";", V::R(40)),
    ("split", "$secret = '«' . '»';", V::R(32)),
    ("split", "local token = \"«\" .. \"»\"", V::R(32)),
    ("split", "client_secret = \"«\\\n»\"", V::R(40)),
    ("split", "key = \"gh¦p_«\" + \"»\"", V::R(36)),
    ("split", "aws = \"AK¦IA«\" \"»\"", V::U(16)),
    ("split", "const t = 'gl¦pat-«' + '»';", V::R(20)),
    ("split", "k := \"sk¦_live_«\" +\n\t\"»\"", V::R(24)),
    ("split", "std::string s = \"xo¦xb-123456789012-«\"\n    \"»\";", V::R(28)),
    ("escaped", "{\"password\": \"µ\"}", V::R(12)),
    ("escaped", "password = \"¤\"", V::R(12)),
    ("escaped", "token = \"µ\"", V::R(32)),
    ("escaped", "{\"key\": \"µ\"}", V::Is("AIzaSyB3k9QwErTy7UiOp1AsDfGh2JkLzXcVb4n")),
    ("escaped", "x = \"¤\"", V::Is("glpat-Zk3vT9wQ2mXr7LpYc5Hd")),
    ("escaped", "{\"p\\u0061ssword\": \"§\"}", V::P(12)),
    ("zero width", "password = \"¶\"", V::R(12)),
    ("zero width", "token: \"¶\"", V::R(32)),
    ("zero width", "t = \"gh¦p_¶\"", V::R(36)),
    ("zero width", "pass\u{200b}word = \"§\"", V::P(12)),
    ("zero width", "AKIA¶", V::U(16)),
    ("hash", "root:$6$Qh3kZt1x$§:19000:0:99999:7:::", V::R(86)),
    ("hash", "app:$2b$12$§", V::R(53)),
    ("hash", "hash = \"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$§\"", V::R(43)),
    ("hash", "admin:$apr1$Zk3vT9wQ$§", V::R(22)),
    ("hash", "admin:{SSHA}§", V::R(32)),
    ("hash", "root:$y$j9T$Zk3vT9wQ2mXr7LpYc5HdA1$§:19000::::::", V::R(43)),
    ("hash", "pbkdf2_sha256$260000$Zk3vT9wQ2mXr$§=", V::R(43)),
    ("libpq", "dsn = \"host=db user=app password=§ dbname=x\"", V::R(8)),
    ("libpq", "connect('host=db user=app password=§ sslmode=require')", V::Is("Summer2024!")),
    ("libpq", "\"Server=db;Uid=sa;Pwd=§;Database=x\"", V::R(10)),
    ("libpq", "\"User ID=sa;Password=§;\"", V::Human),
    ("file", "machine h.internal login app password §\n", V::R(10)),
    ("file", "machine h.internal\n  login app\n  password §\n", V::R(14)),
    ("file", "db.internal:5432:shop:app:§\n", V::R(12)),
    ("file", "*:*:*:postgres:§\n", V::P(12)),
    ("file", "//registry.internal/:_authToken=§", V::R(36)),
    ("file", "_auth = ®", V::Is("ci:Zk3vT9wQ2mXr")),
    ("file", "{\"auths\": {\"r.internal\": {\"auth\": \"®\"}}}", V::Is("ci:Zk3vT9wQ2mXr")),
    ("file", "requirepass §", V::R(20)),
    ("file", "<add key=\"DbPassword\" value=\"§\" />", V::Human),
    ("file", "<property name=\"password\" value=\"§\"/>", V::P(12)),
    ("file", "<string name=\"api_key\">§</string>", V::R(32)),
    ("file", "variable \"db_password\" {\n  default = \"§\"\n}", V::Human),
    ("url", "https://app:§@h.internal/x", V::P(12)),
    ("url", "amqp://app:§@mq/", V::Is("Summer2024!")),
    ("url", "GET /x?access_token=§&y=1", V::R(32)),
    ("header", "Authorization: Bearer §", V::R(40)),
    ("header", "X-Api-Key: §", V::R(32)),
    ("header", "Authorization: Basic ®", V::Is("admin:Zk3vT9wQ2mXr")),
    ("service", "\"sk¦-ant-api03-§AA\"", V::R(93)),
    ("service", "\"sk¦-proj-§\"", V::R(74)),
    ("service", "x = \"github¦_pat_§\"", V::R(82)),
    ("service", "'gh¦s_§'", V::R(36)),
    ("service", "\"np¦m_§\"", V::R(36)),
    ("service", "\"SG¦.aB3dE5fG7hI9jK1lM3nO5p.§\"", V::R(43)),
    ("service", "\"SK¦§\"", V::H(32)),
    ("service", "\"dop¦_v1_§\"", V::H(64)),
    ("service", "\"shp¦at_§\"", V::H(32)),
    ("service", "\"hv¦s.§\"", V::R(95)),
    ("service", "\"PMAK-a1b2c3d4e5f6a1b2c3d4e5f6-§\"", V::H(34)),
    ("service", "\"dapi§\"", V::H(32)),
    ("service", "\"xkeysib-§-aB3dE5fG7hI9jK1l\"", V::H(64)),
    ("service", "\"AKCp§\"", V::R(69)),
    ("service", "\"LTAI§\"", V::R(20)),
    ("service", "\"ABC8Q~§\"", V::R(34)),
    ("service", "\"EAACEdEose0cBA§\"", V::R(120)),
    ("service", "\"dp¦.pt.§\"", V::R(43)),
    ("service", "\"duffel_live_§\"", V::R(43)),
    ("service", "\"lin¦_api_§\"", V::R(40)),
    ("service", "\"sntryu_§\"", V::H(64)),
    ("service", "\"pul-§\"", V::H(40)),
    ("service", "\"pscale_tkn_§\"", V::R(43)),
    ("service", "\"fo1_§\"", V::R(43)),
    ("service", "\"ntn_12345678901§\"", V::R(35)),
    ("service", "datadog_key = \"§\"", V::R(40)),
    ("service", "mailchimp: \"§-us12\"", V::H(32)),
    ("service", "https://hooks.slack.com/services/T0Q7RZ0KP/B0W3MX9VL/§", V::R(24)),
    ("service", "https://discord.com/api/webhooks/123456789012345678/§", V::R(68)),
    ("service", "\"ya29.§\"", V::R(60)),
    ("service", "\"GOC¦SPX-§\"", V::R(28)),
    ("service", "bot = \"1234567890:AA§\"", V::R(33)),
    ("split", "let key = concat!(\"gh¦p_«\", \"»\");", V::R(36)),
    ("split", "password = [\"«\", \"»\"].join(\"\");", V::P(16)),
];

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |kind, place: &str, name: &str, v: &str| {
        all.push(case(kind, &place.replace('№', name), v));
    };
    for (n, name) in PASSWORDS.split(',').enumerate() {
        for (step, v) in [(0, V::Human), (7, V::P(12))] {
            let (kind, place) = PLACES[(n * 3 + step) % PLACES.len()];
            add(kind, place, name, &value(v, n * 7 + step));
        }
        let (kind, place) = BARE[n % BARE.len()];
        add(kind, place, name, &value(V::R(10), n * 31 + 5).replace(' ', ""));
    }
    for (n, name) in KEYS.split(',').enumerate() {
        for (step, v) in [(1, V::R(32)), (9, V::H(40))] {
            let (kind, place) = PLACES[(n * 7 + step) % PLACES.len()];
            add(kind, place, name, &value(v, n * 13 + step));
        }
        let (kind, place) = BARE[(n * 5 + 3) % BARE.len()];
        add(kind, place, name, &value(V::R(24), n * 17 + 3));
    }
    for (n, (kind, form, v)) in FORMS.iter().enumerate() {
        all.push(case(kind, form, &value(*v, n * 11 + 1)));
    }
    // Far more lines than a shard has: most shards see neither the beginning nor the end.
    let lengths = [("RSA PRIVATE KEY", 24), ("OPENSSH PRIVATE KEY", 900), ("PRIVATE KEY", 60)];
    for (seed, (label, lines)) in lengths.into_iter().enumerate() {
        let (text, secrets) = pem(label, lines, seed + 1);
        all.push(Case { kind: "private key", text, secrets });
    }
    all
}
