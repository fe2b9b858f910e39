//! What is reported of a file, in full: rows for what a check must see and for what it must not.

use super::*;

/// Path, source, and each report: the check, its lines, and what it is about.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// Titles, tests, and how places are told together.
#[rustfmt::skip]
const PLACES: &[Row] = &[
    ("a.c", "int f() {\n  if (x = 'a') {\n  }\n}\n", &["assigned [2] x = 'a'"]),
    ("a.c", "int f() {\n  if (x = 1) { // größe\n  }\n}\n", &["assigned [2] x = 1"]),
    ("a.js", "x = yaml.load(f)\n", &[]),
    ("a.js", "a = \"x === NaN\";\n// x === NaN\n", &[]),
    ("a.js", "function selfTest() {\n  if (x === NaN) {\n  }\n}\n", &[]),
    ("a.py", "x = yaml.load(a)\nx = yaml.load(b)\nx = yaml.load(c)\n", &["yaml-load [1] yaml.load(a)", "yaml-load [2] yaml.load(b)", "yaml-load [3] yaml.load(c)"]),
    ("a.py", "x = yaml.load(a)\nx = yaml.load(b)\nx = yaml.load(c)\nx = yaml.load(d)\n", &["yaml-load [1, 2, 3, 4] yaml.load(a)"]),
    ("a.js", "if (a == \"ä\" || a.b == \"b\" && a.b == \"c\") {\n}\n", &["contradiction [1] a.b == \"b\" and a.b == \"c\""]),
    ("a.js", "if (größe.x && größe.x || 大.x || 大.x) {\n}\n", &["same-operand [1] größe.x"]),
    ("a.js", "if (x === NaN/* no */) {\n}\n", &["nan [1] "]),
    ("a.c", "int f() {\n  // printf(\"%s %d\", a);\n}\n", &[]),
    ("a.js", "function f(name) {\n  // q(\"SELECT a FROM t WHERE b = \" + name);\n}\n", &[]),
];

/// Conditions and branches.
#[rustfmt::skip]
const CONDITIONS: &[Row] = &[
    ("a.rs", "fn f() {\n    if a.or(b) || a.or(c) {\n    }\n    if a.and(b) && a.and(c) {\n    }\n}\n", &[]),
    ("a.c", "int f() {\n  if ((a ||\n      b == 1) && b.c && b.c) {\n  }\n}\n", &["same-operand [3] b.c"]),
    ("a.js", "b = a.x && a.x;\nx = c.d ? e.b && e.b : 0;\n", &["same-operand [1] a.x", "same-operand [2] e.b"]),
    ("a.js", "x = a.x && a.x // why\ny = b.x && b.x\nz = c.x && c.x\n  + d;\nw = e.x && e.x\n  != d;\n", &["same-operand [1] a.x", "same-operand [2] b.x"]),
    ("a.js", "if (a?.b && a?.b) {\n}\n", &["same-operand [1] a?.b"]),
    ("a.js", "v = xs.filter((a) => a.b && a.b);\nv = xs.filter(a => a.b != 'x' || a.b != 'y');\n", &["contradiction [2] a.b != 'x' or a.b != 'y'", "same-operand [1] a.b"]),
    ("A.java", "v = xs.filter(x -> x.a && x.a);\n", &["same-operand [1] x.a"]),
    ("a.c", "int f() {\n  if (p->a && q->a) {\n  }\n}\n", &[]),
    ("a.rs", "fn f() {\n    if self.a? && self.a? {\n    }\n    if a::b.c && a::b.c {\n    }\n}\n", &["same-operand [2] self.a?", "same-operand [4] a::b.c"]),
    ("a.js", "int y\n= a.x && a.x;\n", &["same-operand [2] a.x"]),
    ("a.py", "if not x == 1 and not x == 2:\n    f()\n", &[]),
    ("a.js", "if (x == \"a\" + b && x == \"c\" + d || y == d + \"c\" && y == e + \"a\") {\n}\n", &[]),
    ("a.js", "if (k == Red && k == Blue || k == N && k == M) {\n}\n", &[]),
    ("a.js", "if (k == RED_1 && k == BLUE_2) {\n}\n", &["contradiction [1] k == RED_1 and k == BLUE_2"]),
    ("a.js", "if (k == \"a\" && k == \"b\") {\n}\n", &["contradiction [1] k == \"a\" and k == \"b\""]),
    ("a.js", "x = ab || g(ab) || ab;\ny = cd || cd;\nif (!a.b && !a.b) {\n}\n", &["same-operand [1] ab", "same-operand [2] cd", "same-operand [3] !a.b"]),
    ("a.js", "if (x == 1 && y == 2 || x == 1 && x != 2) {\n}\n", &[]),
    ("a.js", "if (x == 1 && x == 1 || x == n && x == 1 || y == 1 && y == n) {\n}\n", &["same-operand [1] x == 1"]),
    ("a.py", "if x > 5 and x < 3:\n    f()\nif x < 3 and x > 5:\n    f()\nif x > 3 and x < 3:\n    f()\nif x > 3 and x <= 3:\n    f()\nif x >= 3 and x < 3:\n    f()\n", &["contradiction [1, 3, 5, 7, 9] x > 5 and x < 3"]),
    ("a.py", "if x >= 3 and x <= 3 or x > 3 and x < 5 or x < 3 or x > 3:\n    f()\n", &[]),
    ("a.py", "if x > 3 or x < 5:\n    f()\nif x < 5 or x > 3:\n    f()\nif x <= 3 or x > 3:\n    f()\n", &["contradiction [1] x > 3 or x < 5", "contradiction [3] x < 5 or x > 3", "contradiction [5] x <= 3 or x > 3"]),
    ("a.rs", "fn f() {\n    if self.a == self.a {\n    // Note.\n    }\n}\n", &["self-compare [2] self.a"]),
    ("a.c", "int f() {\n  if (a == 1) {\n    g();\n  } else if (a == 1) {\n    h();\n  }\n}\n", &["same-condition [4] (a == 1)"]),
    ("a.c", "int f() {\n  if (b == 1) {\n    g();\n#ifdef X\n  } else if (a == 1) {\n    g(1);\n#else\n  } else if (a == 1) {\n    g(2);\n#endif\n  }\n}\n", &[]),
    ("a.py", "if a == 1:\n    f()\n\n# And.\nelif a == 1:\n    h()\n", &["same-condition [5] a == 1"]),
    ("a.js", "if (a == 1) {\n  f();\n}\nelse if (a == 1) {\n  g();\n}\n", &["same-condition [4] (a == 1)"]),
    ("a.js", "if (ready == 1) {\n  f();\n} else if (ready == 1) {\n  g();\n}\n", &["same-condition [3] (ready == 1)"]),
    ("a.py", "if fits(a):\n    f()\nelif fits(a):\n    h()\n", &["same-condition [3] fits(a)"]),
    ("a.py", "if take(a):\n    f()\nelif take(a):\n    h()\n", &[]),
    ("a.rs", "fn f() {\n    if let Some(a) = self.it {\n        g(a);\n    } else if let Some(a) = self.it {\n        h(a);\n    }\n}\n", &[]),
    ("a.go", "func f() {\n\tif v := g(a); v == 1 {\n\t\th(1)\n\t} else if v := g(a); v == 1 {\n\t\th(2)\n\t}\n}\n", &[]),
    ("a.js", "if (x == 1 || 2) {\n}\nif (k == RED || DEBUG) {\n}\nif (k == 'a' || '') {\n}\nif (k == m || 'b') {\n}\nif (k == 1 || 0) {\n}\n", &["bare-operand [1] 2"]),
    ("a.js", "if (a) {\n  first(a);\n} else { // not yet\n  first(a);\n}\n", &[]),
    ("a.js", "if (a) {\n  first(a);\n} else if (b) {\n  first(a);\n}\n", &[]),
    ("a.py", "if a:\n    text = \"\"\"\none\n\"\"\"\nelse:\n    text = \"\"\"\ntwo\n\"\"\"\n", &[]),
    ("a.py", "if a:\n    text = '''\none\n'''\nelse:\n    text = '''\ntwo\n'''\n", &[]),
    ("a.js", "if (a && f({})) {\n  first(a);\n} else {\n  first(a);\n} // if\n", &["same-branches [1] "]),
];

/// Errors, order, and rows of their own judges.
#[rustfmt::skip]
const FAILURES: &[Row] = &[
    ("a.js", "try {\n  db.remove(x);\n} catch (e) {\n}\n", &[]),
    ("a.js", "try {\n  out.write(x);\n  out.close();\n} catch (e) {\n\n}\n", &["empty-catch [4] "]),
    ("a.js", "// Best effort: may fail when offline.\ntry {\n  make();\n  send();\n} catch (e) {\n}\n", &[]),
    ("a.cpp", "void f() {\n  try {\n    a();\n    save(x);\n  } catch (...) {\n  }\n}\n", &["empty-catch [5] "]),
    ("a.js", "try {\n  make();\n  send();\n} catch (e) {\n  show(e);\n}\n", &[]),
    ("a.js", "try {\n  make();\n  send();\n} catch (e) {\n", &[]),
    ("a.js", "try { parse(x); } catch (e) {}\nsend(x);\n", &[]),
    ("a.js", "try {\n  make();\n  send();\n} catch (e) {\n}\n// Then the rest.\nf();\n", &["empty-catch [4] "]),
    ("a.js", "try { send(); } catch (e) {} finally { x(); }\n", &["empty-catch [1] "]),
    ("a.py", "try:\n    f()\nexcept Exception:\n    g()\nexcept BaseException as e:\n    h(e)\n", &[]),
    ("a.py", "def f():\n    try:\n        g()\n    finally:\n        returned = True\n", &[]),
    ("a.py", "class A:\n    async def send(self):\n        pass\n\nclass B:\n    def send(self):\n        pass\n\n    def f(self):\n        self.send()\n", &[]),
    ("a.py", "async def send():\n    pass\n\nasync def f():\n    send().add(x)\n    send()  # in the background\n    send()\n", &[]),
    ("a.py", "@overload\ndef f(x: int): ...\n@overload\ndef f(x: str): ...\ndef f(x):\n    return x\n", &[]),
    ("a.py", "def f():\n    return 1\n\nx = 2\ndef f():\n    return 2\n", &["defined-twice [1] f"]),
    ("a.py", "@app.get(\n    '/a',\n)\ndef f():\n    pass\n\n@app.get(\n    '/b',\n)\ndef f():\n    pass\n", &[]),
    ("a.rs", "async fn f() {\n    tokio::task::spawn_blocking(|| std::thread::sleep(d)).await;\n}\n", &[]),
    ("a.go", "func f() {\n\tos.Rename(a, b) // best effort\n}\n", &[]),
    ("a.go", "func f() error {\n\tos.Remove(a)\n\tos.Rename(a, b)\n\treturn err\n}\n", &[]),
    ("a.go", "func f() {\n\tjson.Unmarshal(b, &v)\n\t// Next.\n}\n", &["dropped-error [2] json.Unmarshal"]),
    ("A.java", "String a = s.replaceAll(\"|\", \"-\");\n", &["dot-split [1] replaceAll"]),
    ("a.js", "const cp = require('child_process');\nfunction f(input) {\n  input = parseInt(input, 10);\n  cp.exec('kill ' + input);\n}\n", &[]),
    ("a.js", "const cp = require('child_process');\nfunction f(input) {\n  cp.exec('kill ' + input);\n}\n", &["shell [3] "]),
    ("bin/a.js", "const cp = require('child_process');\nfunction f(input) {\n  cp.exec('kill ' + input);\n}\n", &[]),
    ("release.js", "const cp = require('child_process');\nfunction f(input) {\n  cp.exec('kill ' + input);\n}\n", &[]),
    ("a.py", "def f(request):\n    os.system(cmd + request.path)\n", &[]),
    ("a.c", "int f(char *msg) {\n  char *m = g();\n  printf(msg);\n}\n", &["format-variable [3] "]),
    ("A.java", "class A {\n  private static volatile A two;\n  private static A one;\n  static A get() {\n    if (one == null) {\n      synchronized (A.class) {\n        if (one == null) {\n          one = new A();\n        }\n      }\n    }\n    return one;\n  }\n}\n", &["unsafe-once [6] one"]),
    ("A.java", "class A {\n  private static A one;\n  static A get() {\n    if (one == null) {\n      synchronized (A.class) {\n        one = new A();\n      }\n    }\n    return one;\n  }\n}\n", &[]),
    ("A.java", "class A {\n  private static int n;\n  static void f() {\n    if (n == 0) {\n      synchronized (A.class) {\n        if (n == 0) {\n          n = 1;\n        }\n      }\n    }\n  }\n}\n", &[]),
    ("a.go", "// TODO: drop this by 01/05/2019\nx := \"TODO 2019\" // name\n", &["overdue [1] 2019"]),
    ("a.go", "// TODO: für immer, bis 2019; remove by 2019-05\n", &[]),
    ("a.py", "p = tempfile.mktemp()\n\n", &["temp-name [1] tempfile.mktemp"]),
];

/// Variables, keys and `equals`.
#[rustfmt::skip]
const PYTHON: &[Row] = &[
    ("a.py", "def f(x=[]):\n    x.append(1)\n", &["mutable-default [1] x"]),
    ("a.py", "def f(_cache={}):\n    _cache[k] = 1\n", &[]),
    ("a.py", "def f(x=[]):\n    g(x=1)\n    x.append(1)\n", &["mutable-default [1] x"]),
    ("a.py", "def f(self, x=[]):\n    self.x.append(1)\n    return x\n", &[]),
    ("a.py", "def f(x={}):\n    x[k] = 1\n    return x\n", &["mutable-default [1] x"]),
    ("a.py", "def f(x={}):\n    x[k] += 1\n", &["mutable-default [1] x"]),
    ("a.py", "def f(x=set()):\n    x |= y\n", &["mutable-default [1] x"]),
    ("a.py", "def f(x={}):\n    x[0].run()\n    if x[0] == 1 or x == 2:\n        print(x[0])\n", &[]),
    ("a.py", "def f(x):\n    max = 10\n    return max(x)\n", &["shadowed [3] max"]),
    ("a.py", "def f(x):\n    open = codecs.open\n    return open(x)\n", &[]),
    ("a.py", "def f(x):\n    next = getattr(x, 'next')\n    return next()\n", &[]),
    ("a.py", "def f(x):\n    map = functools.partial(g, 1)\n    return map(x)\n", &[]),
    ("a.py", "def f(x):\n    input = lambda: [1]\n    return input()\n", &[]),
    ("a.py", "def f(x):\n    list = make_list(x)\n    return list(x)\n", &[]),
    ("a.py", "def f(x):\n    list = [1]\n    return x.list(1)\n", &[]),
    ("a.py", "def f(x):\n    list = [1]\n    def list(y):\n        pass\n", &[]),
    ("a.py", "def f(x):\n    if x:\n        list = [1]\n    return list(x)\n", &[]),
    ("a.py", "def f(x):\n    global filter\n    filter = [1]\n    return filter(x)\n", &[]),
    ("a.py", "x = {\n    'a': [\n        1,\n    ],\n    'a': {\n        'b': 2,\n    },\n}\n", &["same-key [5] 'a'"]),
    ("a.py", "x = {\n    'a': 1,\n    'a': 1,\n}\n", &[]),
    ("a.py", "x = [{\n    'a': 1,\n    }, {\n    'a': 3,\n}]\n", &[]),
    ("A.java", "class A {\n\tpublic int hashCode() {\n\t\treturn 1;\n\t}\n\tstatic class B {\n\t\tpublic boolean equals(Object o) {\n\t\t\treturn true;\n\t\t}\n\t}\n}\n", &["equals-alone [6] "]),
    ("A.java", "class A {\n    public int hashCode() {\n        return 1;\n    }\n\tpublic boolean equals(Object o) {\n\t\treturn true;\n\t}\n}\n", &[]),
    ("A.java", "class A {\n\tpublic boolean equals(Object o) {\n    return true;\n\t}\n}\n", &["equals-alone [2] "]),
    ("A.java", "class A extends B {\n  int a;\n  int b;\n  int c;\n  int d;\n  public boolean equals(Object o) {\n    return true;\n  }\n}\n", &[]),
    ("A.java", "public record A(int x) {\n  public boolean equals(Object o) {\n    return true;\n  }\n}\n", &[]),
    ("a.py", "def f(self):\n    input = self.read\n    return input()\n", &[]),
];

/// Files and memory.
#[rustfmt::skip]
const RESOURCES: &[Row] = &[
    ("a.py", "def f(p):\n    f = open(p)\n    g = f\n", &[]),
    ("a.py", "def f(p):\n    f = open(p)\n    x = g(1, f)\n", &[]),
    ("a.py", "def f(p):\n    f = open(p)\n    self.x = wrap(f)\n", &[]),
    ("a.py", "def f(p):\n    f = open(p)\n    files.append(f)\n", &[]),
    ("a.go", "func f(p string) {\n\tc, err := net.Dial(p, q)\n\tt := c.(*net.TCPConn)\n\tuse(t, err)\n}\n", &[]),
    ("a.go", "func f(p string) {\n\tc, err := os.Open(p)\n\tt := &c\n\tuse(t, err)\n}\n", &[]),
    ("a.go", "func f(p string) *R {\n\tc, err := os.Open(p)\n\tr := R{\n\t\tfile: c,\n\t}\n\tuse(r, err)\n}\n", &[]),
    ("a.go", "func f(p string) *R {\n\tc, err := os.Open(p)\n\tr := R{file: c, n: 1}\n\tuse(r, err)\n}\n", &[]),
    ("a.go", "func f(p string) *R {\n\tc, err := os.Open(p)\n\tuse(R{n: 1, file: c}, err)\n}\n", &[]),
    ("a.go", "func f(p string) {\n\tfile, err := os.Open(p)\n\tr := R{\n\t\tfile: file.Name(),\n\t}\n\tuse(r, err)\n}\n", &["unclosed [2] file"]),
    ("a.go", "func f(p string) {\n\tc, err := os.Open(p)\n\tkeep(c)\n}\n", &[]),
    ("a.py", "def f(p):\n    f = open(thread_path)\n    return f.read()[1]\n", &["unclosed [2] f"]),
    ("a.go", "func f(p string) {\n\tr, err := http.Get(p)\n\tdefer mustClose(r.Body)\n}\n", &[]),
    ("a.c", "int f(char *p)\n{\n    log_file = fopen(p, \"a\");\n    return 0;\n}\n", &[]),
    ("a.c", "int f(char *p)\n{\n    g_auto FILE *f = fopen(p, \"r\");\n    if (f) fgetc(f);\n}\n", &[]),
    ("a.c", "int main(void)\n{\n    FILE *f = fopen(\"a\", \"r\");\n    if (f) fgetc(f);\n}\n", &[]),
    ("a.c", "int run(int argc, char **argv)\n{\n    FILE *f = fopen(argv[1], \"r\");\n    if (f) fgetc(f);\n}\n", &[]),
    ("a.c", "int f(void)\n{\n    *out = malloc(9);\n    out[0] = 1;\n    a->p = malloc(9);\n    p[0] = 1;\n    a.p = malloc(9);\n    p[0] = 1;\n    CHECK(q = malloc(9));\n    q[0] = 1;\n    char *r = malloc(9); if (!r) return 1;\n    r[0] = 1;\n    char *s = malloc(9); assert(s);\n    s[0] = 1;\n}\n", &[]),
    ("a.c", "int f(void)\n{\n    p = malloc(9);\n    x = p ? p[0] : 0;\n    p = malloc(9);\n    g_assert(p[0]);\n    p = malloc(9);\n    check_mem(p[0]);\n    p = malloc(9);\n    CHECK_PTR(p->x);\n    p = malloc(9);\n    if (p[0]) {\n    }\n}\n", &[]),
    ("a.c", "int f(void)\n{\n    p = malloc(9);\n    memset(p, 0, 9);\n    p = malloc(9);\n    *p = 1;\n}\n", &["unchecked [3] p", "unchecked [5] p"]),
    ("a.c", "int f(void)\n{\n    b = malloc(9);\n    fgets(b, 9, stdin);\n    g = fopen(p, \"r\");\n    fgets(c, 9, g);\n}\n", &["unchecked [3] b", "unchecked [5] g"]),
    ("a.c", "int f(void)\n{\n    FILE *g = fopen(p, \"r\");\n    x = use(g);\n    fclose(g);\n    p = malloc(9);\n    fprintf(o, \"%p\", p);\n}\n", &[]),
    ("a.c", "int f(void)\n{\n    FILE *g = fopen(p, \"r\");\n    fprintf(g, \"x\");\n    fclose(g);\n}\n", &["unchecked [3] g"]),
    ("a.py", "def f(p):\n    f = open(p)\n    lines.append(f.read())\n", &["unclosed [2] f"]),
    ("a.py", "def f(p):\n    f = open(p)\n    self.text = f.read()\n", &["unclosed [2] f"]),
    ("a.py", "def f(p):\n    f = open(p)\n    self.read = f.read\n", &[]),
    ("a.py", "def f(p):\n    g = f\n    f = open(p)\n    print(f.read())\n", &["unclosed [3] f"]),
    ("a.go", "func f(p string) {\n\tkeep(c)\n\tc, err := os.Open(p)\n\tuse(err)\n}\n", &["unclosed [3] c"]),
];

/// Languages, formats, tests, and what is beyond ASCII.
#[rustfmt::skip]
const FORMS: &[Row] = &[
    ("a.h", "class A {\n  bool f() {\n    if (s == \"a\") {\n    }\n  }\n};\n", &[]),
    ("b.h", "int f() {\n  if (s == \"a\") {\n  }\n}\n", &["string-pointer [2] "]),
    ("a.kt", "fun f() {\n    if (a == 1) {\n        g()\n    } else if (a == 1) {\n        h()\n    }\n}\n", &["same-condition [4] (a == 1)"]),
    ("a.cs", "class A {\n  void F() {\n    if (a == 1) {\n      G();\n    } else if (a == 1) {\n      H();\n    }\n  }\n}\n", &["same-condition [5] (a == 1)"]),
    ("a.c", "int f() {\n  printf(\"%s %d\", g(b, c), a);\n  printf(\"%-5s %ld %5.2f\", a, b);\n  printf(\"%d%% %s\", a);\n  printf(\"%y\", a, b);\n  printf(\"%s %d: %m\", a);\n  printf(\"%d%n\", a, &n);\n  printf(\"%s %s\", *p);\n  snprintf(b, SIZE, \"%s %d\", a);\n  printf(fmt, \"%s %s\", b);\n  fprintf(o, fmt, \"%s %s\", b);\n  x =snprintf(b, n, \"%s %d\", a);\n  printf(\"ä %s\", a, b);\n  fprintf(o, \"%s %d\", a);\n}\n", &["format-count [3, 4, 6, 8, 9, 12, 13, 14] 3 for 2"]),
    ("a.c", "#define LOG(f, ...) printf(\"%s\" f, ##__VA_ARGS__)\n#define LOG2(f, ...) printf(\"%s %d\", ##__VA_ARGS__)\n", &[]),
    ("a.go", "func f() {\n\tfmt.Errorf(\"%s: %w\", err)\n\tlog.Infof(ctx, \"%s\", a, b)\n\tlog.debug(\"%d\", a, b)\n\tfmt.Printf(\"%v\", args...)\n\tfmt.Printf(\"%[1]s %[1]s\", a)\n\tfmt.Printf(\"%s %s\", args...)\n}\n", &["format-count [2] 2 for 1"]),
    ("A.java", "String a = String.format(\"%s\" + \"%s %s\", x, y);\nlog.info(\"{} is %d\", a, b);\nString b = String.format(\"%s %s\", arr);\nString c = String.format(\"%s %s%n\", x, y);\nString d = String.format(\"%1$s %1$s\", x);\n", &[]),
    ("a.py", "import logging\nlog.info('50% done')\nlog.info('%s %s', pair)\nlog.info('to', exc_info=True)\nlog.info('to', extra={'a': 1})\nlog.info('to', *args)\nlog.info('%s', a)\nlog.info('%s %s', f(x=1))\n", &["format-count [3] 2 for 1", "format-count [8] 2 for 1"]),
    ("a.py", "x = '{{}} {}'.format(a)\nx = '{{}} {}'.format()\nx = '{:>{w}} {}'.format(a, w=3)\nx = '{0} {1}'.format(a)\nx = '{!r} {!r}'.format(a)\nx = '{} {}'.format(f(a))\nx = '{} {}'.format(a).strip()\n", &["format-count [2, 5, 6, 7] 1 for 0"]),
    ("a.py", "x = '%s'%(a, b)\nx = 'a %s ' '%s' % (a, b)\nx = '%s %s' % (a,)[0]\ny = '%s' % (a, b)\nz = f'%s' % (a, b)\n", &["format-count [1] 1 for 2", "format-count [4] 1 for 2"]),
    ("a.py", "x = ('%s '\n     '%s' % (a, b))\n", &[]),
    ("a.py", "'%s %s' % (a,)\n", &["format-count [1] 2 for 1"]),
    ("a.php", "<?php\nforeach ($a as $b)\n{\n}\nif($a)\n{\n}\n", &[]),
    ("a.js", "x = \"ä\" + (a.b && a.b); // ö\n", &["same-operand [1] a.b"]),
    ("a.py", "x = 'ä %s' % (a, b)\n# ü\ny = \"ö\" if k == 'a' or 'b' else \"ü\"\n", &["bare-operand [3] 'b'", "format-count [1] 1 for 2"]),
    ("a.rs", "#[tokio::test(flavor = \"multi_thread\")]\nasync fn f() {\n    std::thread::sleep(d);\n}\n#[tokio::test]\nasync fn g() {\n    std::thread::sleep(d);\n}\n#[cfg(all(test, unix))]\nmod tests {\n    async fn h() {\n        std::thread::sleep(d);\n    }\n}\n", &[]),
];

/// Queries.
#[rustfmt::skip]
const QUERIES: &[Row] = &[
    ("a.js", "function f(\n  a,\n  name\n) {\n  q(\"SELECT a FROM t WHERE b = \" + name);\n}\n", &["sql [5] "]),
    ("a.py", "def f(\n    db,\n    name,\n):\n    db.execute(\"SELECT a FROM t WHERE b = '\" + name + \"'\")\n", &["sql [5] "]),
    ("a.py", "def f(db):\n    name = g()\n    db.execute(\"SELECT a FROM t WHERE b = '\" + name + \"'\")\n", &[]),
    ("a.py", "def name(db):\n    db.execute(\"SELECT a FROM t WHERE b = '\" + name + \"'\")\n", &[]),
    ("A.java", "class A {\n  void f(String name) {\n    q(String.format(\"SELECT a FROM t WHERE b = '%s'\", name));\n  }\n  void g(int id) {\n    q(\"SELECT a FROM t WHERE b = \" + id);\n  }\n}\n", &["sql [3] "]),
    ("a.cs", "class A {\n  void F(int id) {\n    q(\"SELECT a FROM t WHERE b = \" + id);\n  }\n}\n", &[]),
    ("a.go", "func f(name string) {\n\tdb.Query(fmt.Sprintf(\"SELECT a FROM t WHERE b = '%s'\", name))\n\tdb.Query(fmt.Sprintf(\"SELECT a FROM t WHERE b = %d\", name))\n\tdb.Query(fmt.Sprintf(\"SELECT %s FROM t WHERE b = 1\", name))\n\tdb.Query(\"SELECT a FROM t WHERE b = $1\", name)\n}\n", &["sql [2] "]),
    ("a.py", "def f(db, n):\n    db.execute(\"SELECT a FROM t WHERE b = 1 LIMIT %d\" % n)\n    db.execute(\"SELECT a FROM t WHERE b = 1 LIMIT {}\".format(n))\n    db.execute(\"SELECT a FROM t WHERE b = '{n}'\")\n    db.execute(\"SELECT a FROM t WHERE b = %d\" % n)\n", &[]),
    ("a.py", "def f(db, n):\n    db.execute(\"SELECT a FROM t WHERE b = {}\".format(n))\n", &["sql [2] "]),
    ("a.js", "function f(b, placeholders, whereClause) {\n  q('SELECT a FROM t WHERE b = ${b}');\n  q(\"SELECT a FROM t WHERE b IN (\" + placeholders + \")\");\n  q(\"SELECT a FROM t WHERE b = \" + whereClause);\n}\n", &[]),
    ("a.rb", "q('SELECT a FROM t WHERE b = #{request[:b]}')\n", &[]),
    ("a.php", "<?php\nfunction f($a) {\n  $db->query(\"SELECT * FROM t WHERE a=$a\");\n  $db->query('SELECT * FROM t WHERE a=$a');\n}\n", &["sql [3] "]),
];

/// What is reported of a file: check, lines and subject.
fn told(path: &str, source: &str) -> Vec<String> {
    let told = |hit: &checks::Hit| {
        let (before, after) = hit.check.title.split_once("{}").unwrap_or((hit.check.title, ""));
        let subject = hit.title.strip_prefix(before).and_then(|t| t.strip_suffix(after));
        format!("{} {:?} {}", hit.check.name, hit.lines, subject.unwrap_or_default())
    };
    checks::run(&Scan::new(path, source)).iter().map(told).collect()
}

fn check(rows: &[Row]) {
    let wrong: Vec<_> = rows
        .iter()
        .map(|(path, source, want)| (path, source, told(path, source), want))
        .filter(|(.., got, want)| got != *want)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

macro_rules! reports {
    ($($test:ident: $rows:ident,)+) => {
        $(#[test]
        fn $test() {
            check($rows);
        })+
    };
}

reports! {
    a_report_says_what_stands_there: PLACES,
    conditions_are_reported_where_they_decide_nothing: CONDITIONS,
    lost_errors_and_dead_code_are_reported: FAILURES,
    python_and_java_are_reported_where_they_surprise: PYTHON,
    what_is_never_given_back_is_reported: RESOURCES,
    formats_are_reported_where_arguments_are_amiss: FORMS,
    queries_are_reported_where_they_take_text_from_outside: QUERIES,
}

#[test]
fn code_that_others_wrote_or_only_developers_run_is_left_alone() {
    let python = "if x is 'a':\n    f()\n";
    let script = "if (x === NaN) {\n}\n";
    let c = "int f() {\n  gets(b);\n}\n";
    let php = "<?php\nif ($x = 1) {\n}\n";
    for (path, source, alone) in [
        ("src/a.py", python, false),
        ("app-2/a.py", python, false),
        ("app-v1.x/a.py", python, false),
        ("app-1.2/a.py", python, true),
        ("thirdparty/a.py", python, true),
        ("myexamples/a.py", python, true),
        ("vendors/a.py", python, true),
        ("vendors/A.java", "String[] a = s.split(\".\");\n", false),
        ("lib/a.py", python, true),
        ("src/lib/a.py", python, false),
        ("lib/a.js", script, false),
        ("js/lib/a.js", script, true),
        ("js/lib/a.py", python, false),
        ("jquery.js", script, true),
        ("jquery.py", python, false),
        ("static/plugin/a.js", script, true),
        ("vendors/a.c", c, true),
        ("src/a.c", c, false),
        ("src/a.cpp", c, false),
        ("lib/a.php", php, true),
        ("src/lib/a.php", php, true),
        ("src/a.php", php, false),
        ("tools/a.py", python, true),
        ("testdata/a.py", python, true),
        ("unittest/a.py", python, true),
        ("latest/a.py", python, false),
        ("a.py", "# Generated by x.\nif x is 'a':\n    f()\n", true),
        ("a.py", "# Do not edit.\nif x is 'a':\n    f()\n", true),
        ("a.js", "/*! A v1.2 | MIT licence */\nif (x === NaN) {\n}\n", true),
        ("a.js", "/*! Notes on 1.2 */\nif (x === NaN) {\n}\n", false),
        ("a.js", "/*! The licence is that of all. In 2 words. */\nif (x === NaN) {\n}\n", false),
    ] {
        assert_eq!(told(path, source).is_empty(), alone, "{path}: {source}");
    }
}

#[test]
fn a_secret_is_told_from_what_looks_like_one() {
    let key = format!("AKIA{}", "IOSFODNN7ABCDEFG");
    let told_at = |line: usize| vec![format!("secret [{line}] aws_key")];
    for (path, source, want) in [
        ("src/a.py", format!("key = \"{key}\"\n"), told_at(1)),
        ("src/a.yml", format!("a: |\n{key}\n"), told_at(2)),
        ("src/a.py", format!("# {key}\n"), vec![]),
        ("src/a.yml", format!("# {key}\n"), told_at(1)),
        ("src/a.py", format!("dummy = \"{key}\"\n"), vec![]),
        ("src/openapi.yml", format!("key: {key}\n"), vec![]),
        ("a.md", format!("key: {key}\n"), vec![]),
    ] {
        assert_eq!(told(path, &source), want, "{path}: {source}");
    }
    // The keys of a service look like a name with dots, and a first line is no private key.
    let letters = ["abcdefghijkLMNOPQRSTUV", "bcdeFGHIjklmNOPQrstuVWXYzabcdEFGHijklMNOPqr"];
    let figures = letters.map(|part| part.replace(['e', 'M', 'j'], "7"));
    let begin = format!("-----BEGIN {}-----", "PRIVATE KEY");
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let whole = format!("{begin}\\n{body}{body}\\n{}", begin.replace("BEGIN", "END"));
    for (value, want) in [
        (format!("SG.{}", letters.join(".")), vec![]),
        (format!("SG.{}", figures.join(".")), vec!["secret [1] service_key".to_owned()]),
        ("sk-ssh-ed25519-cert-v01@openssh.com".to_owned(), vec![]),
        (begin, vec![]),
        (whole, vec!["secret [1] private_key".to_owned()]),
    ] {
        assert_eq!(told("src/a.py", &format!("x = \"{value}\"\n")), want, "{value}");
    }
    let before = format!("x = yaml.load(f)\ny = 1\nkey = \"{key}\"\n");
    let scan = Scan::new("src/a.py", &before);
    let quotes: Vec<String> = checks::run(&scan).into_iter().map(|hit| hit.quote).collect();
    assert_eq!(quotes, ["x = yaml.load(f)", "key = \""]);
}
