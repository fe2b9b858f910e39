//! Signatures and fields, as they are shown.

use super::*;

#[test]
fn signatures_and_fields_are_read_and_comments_and_strings_are_not() {
    let rust = "/// Doc.\n#[derive(Debug)]\npub struct Store<'a, T> {\n    /// What.\n    pub(crate) name: &'a str, // secret\n    #[serde(default)]\n    items: Vec<(T, u8)>,\n}\n\npub struct Id(u64);\npub enum Kind { One, Two { a: u8 }, Three(String) }\nimpl<'a, T: Copy> Store<'a, T> {\n    pub async fn push(\n        &mut self,\n        item: T,\n    ) -> Result<(), Error> {\n        fn inner() {}\n        let const_ = 1;\n    }\n}\nimpl fmt::Display for Id { fn fmt(&self) {} }\nimpl<'a, M: Reads> Reads for &'a M { fn lent(&self) {} }\nimpl<T: Reads> Reads for T { fn any(&self) {} }\nimpl<'a, T> Reads for &'a Pile<T> { fn piled(&self) {} }\npub trait Reads { type Out; fn read(&self) -> u8; fn all(&self) { } }\npub const fn most() -> u8 { 1 }\npub(crate) const MOST: usize = 5;\npub type Pair = (u8, &'static str);\nmacro_rules! say { () => {} }\n#[cfg(test)]\nmod tests {\n    fn hidden() {}\n}\nstatic KEY: &str = \"token-1234\";\n";
    let python = "X: int = 3\nlogger = get(\"name\")\nclass Base(A, metaclass=B):\n    '''Doc: fields'''\n    limit: int = 5\n    _hidden = 1\n    def __init__(self, a,\n                 b: str = 'secret'):\n        self.a = a\n    @property\n    def size(self) -> int:\n        def inner(): pass\n        return 1\nif True:\n    def late(x): return x\nasync def load(path): pass\n";
    let script = "export const LIMIT = 5\nexport const load = async (a: string, b?: number): Promise<X> => {\n  const inner = 1\n}\nexport interface Shape { kind: 'square'; side(): number }\nexport type Both = A & {\n  b: string\n}\nexport abstract class Cell<\n  E extends object = {}\n> extends Base<E> {\n  size = 1\n  constructor(private a: string) { super() }\n  async run(x: number): Promise<void> { if (x) { go() } }\n  static of(): Cell { return new Cell('x') }\n}\nexport default function main(argv: string[]) {}\nexport enum Color { Red = 'r', Blue = 'b' }\napp.get('/x', (req) => { function no() {} })\n";
    let go = "type Server struct {\n\tName string // doc\n\tport int\n}\ntype Reader interface {\n\tRead(p []byte) (int, error)\n}\nvar (\n\tErrGone = errors.New(\"gone\")\n)\nfunc (s *Server) Run(ctx context.Context) error {\n\treturn nil\n}\nfunc New(name string) *Server { return nil }\n";
    let c = "#define MOST 5\nstruct point { int x; int y; };\nstruct point *make(int x) {\n  return 0;\n}\nint area(struct point *p,\n         int scale);\nstatic void gone(void)\n{\n}\n";
    let java = "public class Cart {\n  private final int size = 0;\n  public Cart(int size) { }\n  public int total(List<Item> items) throws E {\n    for (;;) { }\n  }\n}\n";
    for (path, text, want) in [
        (
            "a.rs",
            rust,
            vec![
                ("Store", "struct Store<'a, T> { name: &'a str, items: Vec<(T, u8)> }"),
                ("Id", "struct Id(u64)"),
                ("Kind", "enum Kind { One, Two {…}, Three(String) }"),
                ("Store.push", "async fn push(&mut self, item: T) -> Result<(), Error>"),
                ("Id.fmt", "fn fmt(&self)"),
                ("Pile.piled", "fn piled(&self)"),
                ("Reads", "trait Reads { type Out, fn read(&self) -> u8, fn all(&self) {…} }"),
                ("Reads.all", "fn all(&self)"),
                ("most", "const fn most() -> u8"),
                ("MOST", "const MOST: usize = 5"),
                ("Pair", "type Pair = (u8, &'static str)"),
                ("say", "macro_rules! say"),
                ("KEY", "static KEY: &str = \"…\""),
            ],
        ),
        (
            "a.py",
            python,
            vec![
                ("X", "X: int = 3"),
                ("logger", "logger = get(\"…\")"),
                (
                    "Base",
                    "class Base(A, metaclass=B) { __init__(self, a, b: str = '…'), limit: int = 5 }",
                ),
                ("Base.__init__", "def __init__(self, a, b: str = '…')"),
                ("Base.size", "def size(self) -> int"),
                ("late", "def late(x)"),
                ("load", "async def load(path)"),
            ],
        ),
        (
            "a.ts",
            script,
            vec![
                ("LIMIT", "const LIMIT = 5"),
                ("load", "const load = async (a: string, b?: number): Promise<X>"),
                ("Shape", "interface Shape { kind: '…', side(): number }"),
                ("Both", "type Both = A & { b: string }"),
                (
                    "Cell",
                    "class Cell< E extends object = {}> extends Base<E> { size = 1, constructor(private a: string) }",
                ),
                ("Cell.constructor", "constructor(private a: string)"),
                ("Cell.run", "async run(x: number): Promise<void>"),
                ("Cell.of", "static of(): Cell"),
                ("main", "function main(argv: string[])"),
                ("Color", "enum Color { Red = '…', Blue = '…' }"),
            ],
        ),
        (
            "a.go",
            go,
            vec![
                ("Server", "type Server struct { Name string, port int }"),
                ("Reader", "type Reader interface { Read(p []byte) (int, error) }"),
                ("ErrGone", "var ErrGone = errors.New(\"…\")"),
                ("Server.Run", "func (s *Server) Run(ctx context.Context) error"),
                ("New", "func New(name string) *Server"),
            ],
        ),
        (
            "a.c",
            c,
            vec![
                ("MOST", "#define MOST 5"),
                ("point", "struct point { int x, int y }"),
                ("make", "struct point *make(int x)"),
                ("area", "int area(struct point *p, int scale)"),
                ("gone", "static void gone(void)"),
            ],
        ),
        (
            "A.java",
            java,
            vec![
                ("Cart", "class Cart { private final int size = 0 }"),
                ("Cart.Cart", "Cart(int size)"),
                ("Cart.total", "int total(List<Item> items) throws E"),
            ],
        ),
        ("a.md", "# fn title()\n", vec![]),
        ("a.json", "{\"fn\": 1}", vec![]),
    ] {
        let found = of(path, text);
        let want: Vec<(String, String)> =
            want.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        assert_eq!(found, want, "{path}");
    }
}

#[test]
fn signatures_end_before_bodies_in_every_language() {
    type Wanted = &'static [(&'static str, &'static str)];
    #[rustfmt::skip]
    let cases: [(&str, &str, Wanted); 15] = [
        ("a.rs", "struct A {\n    #[serde(rename = \"x\")]\n    b: HashMap<String, Vec<u8>>,\n    pub c: fn(u8, u8) -> u8,\n    d: [u8; 4],\n}\n", &[("A", "struct A { b: HashMap<String, Vec<u8>>, c: fn(u8, u8) -> u8, d: [u8; 4] }")]),
        ("a.ts", "class A {\n  @field()\n  run: (a: string, b: number) => void;\n  go(a: string): void;\n  x = make(1, 2);\n}\n", &[("A", "class A { run: (a: string, b: number) => void, x = make(1, 2) }")]),
        ("A.java", "class A {\n  @Inject\n  private Map<String, Integer> m;\n  abstract void go(int a, int b);\n}\n", &[("A", "class A { private Map<String, Integer> m }")]),
        ("a.go", "type A struct {\n\tF func(a int, b int) error\n\tM map[string]int\n}\ntype (\n\tID int\n)\n", &[("A", "type A struct { F func(a int, b int) error, M map[string]int }"), ("ID", "type ID int")]),
        ("a.py", "class A:\n    '''Doc:\n    more: int = 1\n    '''\n    x: int = 1\n\n    def m(self): pass\n", &[("A", "class A { x: int = 1 }"), ("A.m", "def m(self)")]),
        ("a.swift", "func load<T: Codable>(from path: String) -> T {\n    let a: Int = 1\n}\nclass A {\n    func m() { go() }\n}\nextension A {\n    func n(a: Int) -> Int { 1 }\n}\n", &[("load", "func load<T: Codable>(from path: String) -> T"), ("A", "class A"), ("A.m", "func m()"), ("A.n", "func n(a: Int) -> Int")] ),
        ("a.php", "<?php\nfunction load(int $a, ?string $b = null): ?User {\n    return null;\n}\n", &[("load", "function load(int $a, ?string $b = null): ?User")] ),
        ("a.cs", "public class A {\n    public async Task<int> Load(string p) {\n        return 1;\n    }\n}\n", &[("A", "class A"), ("A.Load", "async Task<int> Load(string p)")] ),
        ("a.rb", "class A\n  def load(path, mode: 1,\n           all: {})\n    x = 1\n  end\nend\n", &[("A", "class A"), ("A.load", "def load(path, mode: 1, all: {})")] ),
        ("a.lua", "function M.go(x)\n  return 1\nend\nfunction M:get(x)\n  return 1\nend\n", &[("M.go", "function M.go(x)"), ("M.get", "function M:get(x)")] ),
        ("a.sh", "load() {\n  echo 1\n}\n", &[("load", "load()")]),
        ("a.jl", "function load(x::Int)::Int\n    return x\nend\n", &[("load", "function load(x::Int)::Int")] ),
        ("a.kt", "data class A(val x: Int)\nfun <T> List<T>.second(): T {\n    return this[1]\n}\nfun String.ext(a: Int = f(1)) {}\n", &[("A", "class A(val x: Int)"), ("List.second", "fun <T> List<T>.second(): T"), ("String.ext", "fun String.ext(a: Int = f(1))")] ),
        ("a.scala", "object B {\n  def load(p: String): Int = {\n    1\n  }\n}\n", &[("B", "object B"), ("B.load", "def load(p: String): Int")] ),
        ("a.cpp", "namespace n {\nclass A : public B {\n  int load(const T& p) const {\n    return 1;\n  }\n};\nint A::late(int x) {\n  return x;\n}\n}\nextern \"C\" {\nint plain(int x) {\n  return x;\n}\n}\n", &[("A", "class A : public B"), ("A.load", "int load(const T& p) const"), ("A.late", "int A::late(int x)"), ("plain", "int plain(int x)")]),
    ];
    for (path, text, want) in cases {
        let found = of(path, text);
        let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, want, "{path}");
    }
}
