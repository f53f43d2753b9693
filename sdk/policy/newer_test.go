package policy

import (
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// newer is a strategy such as a contract to come may hold: two times, and a parameter
// that nobody here has heard of.
var newer = script.Definition{
	Name: "newer",
	Params: []script.Param{
		{Name: "periodMs", Field: "Period", Unit: script.Milliseconds, Max: script.MaxParam},
		{Name: "windowMs", Field: "Window", Unit: script.Milliseconds, Max: script.MaxParam},
		{Name: "weight", Field: "Weight", Max: 10, Min: 1, Default: 3},
	},
	Argv: []string{"now", "periodMs", "windowMs", "weight", "cost"},
}

func TestNewerStrategies(t *testing.T) {
	if got, want := fieldsOf(&newer, common), []string{"periodMs", "windowMs", "weight"}; !reflect.DeepEqual(got, want) {
		t.Errorf("its fields are %v, want its ARGV names %v", got, want)
	}
	for _, row := range []struct {
		name, text string
		want       []float64 // nil: refused
		says       string
	}{
		{"every parameter by its own name", "{periodMs: 1, windowMs: 2, weight: 4}", []float64{1, 2, 4}, ""},
		{"its defaults", "{periodMs: 1, windowMs: 2}", []float64{1, 2, 3}, ""},
		{"its bounds", "{periodMs: 1, windowMs: 2, weight: 11}", nil, "limits:1:36: limiters[api].weight: is 11, want a number, at least 1 and at most 10"},
		{"a time of one name is not the other's", "{periodMs: 1}", nil, "limits:1:1: limiters[api].windowMs: is missing, want a number of milliseconds above 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var document yaml.Node
			if err := yaml.Unmarshal([]byte(row.text), &document); err != nil {
				t.Fatal(err)
			}
			r := &reader{file: &File{Name: "limits"}, reported: map[*yaml.Node]bool{}}
			plan := r.block("limiters[api]", position{1, 1}, document.Content[0], "").plan(&newer, common)
			if row.want == nil {
				if len(r.problems) != 1 || r.problems[0].Error() != row.says {
					t.Errorf("problems are %v, want %s", r.problems, row.says)
				}
				return
			}
			for i, p := range newer.Params {
				if got, _ := plan.Value(p.Name); got != row.want[i] {
					t.Errorf("%s is %v, want %v", p.Name, got, row.want[i])
				}
			}
		})
	}
}
