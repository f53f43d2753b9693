package protoscan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		source       string
		want         File // without Text; nil maps stand for empty ones
	}{
		{"empty", "nothing is declared", "", File{}},
		{"head", "what has no name of its own is the rest",
			"syntax = \"proto3\"; // one\npackage a . b;\nimport 'c.proto';\noption (x).y = { z: [1, 2] };",
			File{Rest: "syntax = \"proto3\" ;\npackage a . b ;\nimport 'c.proto' ;\noption ( x ) .y = { z : [ 1 , 2 ] } ;\n"}},
		{"service", "an rpc may have a body, and a service options",
			"service S { option o = 1; rpc A(M) returns (stream M); rpc B(stream M) returns (M) { option o = {a: 1}; } } service T {}",
			File{
				RPCs: map[string]string{
					"S.A": "rpc A ( M ) returns ( stream M ) ;",
					"S.B": "rpc B ( stream M ) returns ( M ) { option o = { a : 1 } ; }",
				},
				Services: map[string]string{"S": "option o = 1 ;\n", "T": ""},
			}},
		{"message", "each field by its name, whatever its type looks like",
			"message M { string a = 1; repeated .x.Y b=2 [deprecated = true]; map<string,int64> c = 3; message m = 4; rpc rpc = 5; reserved 6 to 9; reserved \"d\"; option o = 1; extensions 10 [d = 1]; ; }",
			File{Messages: map[string]Message{"M": {
				Fields: map[string]string{
					"a": "string a = 1 ;", "b": "repeated .x.Y b = 2 [ deprecated = true ] ;", "c": "map < string , int64 > c = 3 ;",
					"m": "message m = 4 ;", "rpc": "rpc rpc = 5 ;",
				},
				Rest: "reserved 6 to 9 ;\nreserved \"d\" ;\noption o = 1 ;\nextensions 10 [ d = 1 ] ;\n;\n",
			}}}},
		{"nested", "what is declared inside is told by itself",
			"message A { message B { enum C { Z = 0; } int32 d = 1; } B e = 1; }",
			File{
				Messages: map[string]Message{
					"A":   {Fields: map[string]string{"e": "B e = 1 ;"}},
					"A.B": {Fields: map[string]string{"d": "int32 d = 1 ;"}},
				},
				Enums: map[string]string{"A.B.C": "enum C { Z = 0 ; }"},
			}},
		{"oneof", "moving a field in or out of one alters it",
			"message A { oneof o { option p = 1; int32 b = 1; } int32 c = 2; }",
			File{Messages: map[string]Message{"A": {
				Fields: map[string]string{"b": "oneof A.o int32 b = 1 ;", "c": "int32 c = 2 ;"},
				Rest:   "option p = 1 ;\n",
			}}}},
		{"enum", "its text counts as a whole",
			"enum E { option o = 1; A = 0; B = -1 [p = \"}\"]; reserved 3; }",
			File{Enums: map[string]string{"E": "enum E { option o = 1 ; A = 0 ; B = - 1 [ p = \"}\" ] ; reserved 3 ; }"}}},
		{"comments and strings", "what looks like a declaration in one is none",
			"// message A {\n/* message B { */ message C { /* } */ string d = 1 [x = \"} // \\\" /*\"]; } // }",
			File{Messages: map[string]Message{"C": {Fields: map[string]string{"d": "string d = 1 [ x = \"} // \\\" /*\" ] ;"}}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Scan([]byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			got.Text = ""
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextLeavesOutCommentsAndSpacing(t *testing.T) {
	a, errA := Scan([]byte("// one\nmessage A{map<string,int64> b=1;}"))
	b, errB := Scan([]byte("message A {\r\n  map<string, int64> b = 1; /* two */\r\n}\r\n"))
	if errA != nil || errB != nil || a.Text != b.Text || a.Text == "" {
		t.Errorf("got %q (%v) and %q (%v), want the same", a.Text, errA, b.Text, errB)
	}
	for _, other := range []string{"message A { map<string, int64> b = 2; }", "message A { map<string, int64> b = 1; int32 c = 2; }"} {
		if c, err := Scan([]byte(other)); err != nil || c.Text == a.Text {
			t.Errorf("%s: got the same text (%v)", other, err)
		}
	}
}

func TestScanErrors(t *testing.T) {
	for _, tt := range []struct{ name, reason, source, want string }{
		{"comment", "the rest of the file would be one", "message A {}\n/* ...", "line 2: a comment is never closed"},
		{"string", "a string ends in its line", "syntax = \"proto3;\n\"", "line 1: a string is never closed"},
		{"escape at the end", "the quote is escaped", `import "a\"`, "line 1: a string is never closed"},
		{"message", "cut off between fields", "\n\nmessage A { int32 b = 1;", "line 3: a block is never closed"},
		{"enum", "cut off inside", "enum A { B = 0;", "line 1: a statement is never closed"},
		{"field", "cut off before its end", "message A {\nint32 b = 1", "line 2: a statement is never closed"},
		{"no semicolon", "the last field lacks its end", "message A { int32 b = 1 }", `line 1: a statement ends without ";"`},
		{"brace too many", "something was cut out before it", "message A {}\n}", `line 2: "}" closes nothing`},
		{"too deep", "a file that is meant to hurt", strings.Repeat("message A {", 100), "line 1: declarations nest deeper than 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Scan([]byte(tt.source)); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	f.Add("syntax = \"proto3\"; service S { rpc A(M) returns (M) {} } message M { oneof o { int32 a = 1; } enum E { Z = 0; } }")
	f.Add("message A { /* } */ string b = 1 [c = '\\'']; } // x")
	f.Add("oneof o { a = 1; } extend M { int32 b = 2; } option (x) = { y: { z: 1 } };")
	f.Fuzz(func(t *testing.T, source string) {
		file, err := Scan([]byte(source))
		if err != nil {
			return
		}
		// The text is a file itself, and declares the same.
		again, err := Scan([]byte(file.Text))
		if err != nil {
			t.Fatalf("the text of a file that scans does not: %v\n%q", err, file.Text)
		}
		if diff := cmp.Diff(file, again); diff != "" {
			t.Errorf("the text declares something else (-file +text):\n%s", diff)
		}
	})
}
