package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// ErrNothingToPlot means that no single checks were measured.
var ErrNothingToPlot = errors.New("no match of single checks was measured, so there is no picture to draw")

// The picture's measures.
const (
	pictureWidth  = 10 * vg.Inch
	pictureHeight = 5.5 * vg.Inch
	legendWidth   = 2.3 * vg.Inch
	margin        = 0.15 * vg.Inch
)

// Plot draws, as SVG, the throughput of each contender in single checks over the number
// of goroutines.
func Plot(w io.Writer, r *results.Results) error {
	lines, err := linesOf(r)
	if err != nil {
		return err
	}
	p, legend, err := newPlot(lines)
	if err != nil {
		return err
	}
	svg := vgsvg.New(pictureWidth, pictureHeight)
	canvas := draw.New(svg)
	canvas.SetColor(p.BackgroundColor)
	canvas.Fill(canvas.Rectangle.Path())
	p.Draw(draw.Crop(canvas, margin, -legendWidth, margin, -margin))
	legend.Draw(draw.Crop(canvas, pictureWidth-legendWidth+margin, -margin, margin, -4*margin))
	var text bytes.Buffer
	if _, err := svg.WriteTo(&text); err != nil {
		return err
	}
	// Who has none of the plotter's fonts shall see one of the same widths.
	fonts := strings.NewReplacer("font-family:"+typeface, "font-family:"+typeface+",Arial,Helvetica,sans-serif")
	_, err = fonts.WriteString(w, text.String())
	return err
}

// line is one contender's median over goroutines.
type line struct {
	name   string
	points plotter.XYs
	style  style
}

// linesOf collects the lines, in the order in which they end: so does the legend then.
func linesOf(r *results.Results) ([]line, error) {
	var lines []line
	for _, match := range r.Matches() {
		value, ok := strings.CutPrefix(match, "Check/goroutines=")
		if !ok {
			continue
		}
		goroutines, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("match %s: %w", match, err)
		}
		for _, name := range r.Contenders(match) {
			rate, ok := r.Spread(results.Cell{Match: match, Contender: name}, results.Rate)
			if !ok {
				continue
			}
			i := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
			if i < 0 {
				i, lines = len(lines), append(lines, line{name: name})
			}
			lines[i].points = append(lines[i].points, plotter.XY{X: float64(goroutines), Y: rate.Median})
		}
	}
	if len(lines) == 0 {
		return nil, ErrNothingToPlot
	}
	peers, references := 0, 0
	for i, l := range lines {
		switch {
		case isReference(l.name):
			flatten(l.points)
			lines[i].style = reference(references)
			references++
		case l.name == contest.Fused || l.name == contest.Unfused:
			lines[i].style = own(l.name)
		default:
			lines[i].style = peer(peers)
			peers++
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Compare(b.points[len(b.points)-1].Y, a.points[len(a.points)-1].Y)
	})
	return lines, nil
}

// isReference reports whether a contender does the same whatever the goroutines.
func isReference(name string) bool { return strings.HasPrefix(name, "redis-benchmark") }

// flatten makes a level line of what differs by chance alone.
func flatten(points plotter.XYs) {
	var values []float64
	for _, p := range points {
		values = append(values, p.Y)
	}
	level, _ := results.SpreadOf(values)
	for i := range points {
		points[i].Y = level.Median
	}
}

func newPlot(lines []line) (*plot.Plot, *plot.Legend, error) {
	p, legend := plot.New(), plot.NewLegend()
	p.Title.Text = "GCRA checks a second on one Redis, each contender in the same run"
	p.X.Label.Text, p.Y.Label.Text = "goroutines", "checks a second, median"
	top, at := 0.0, make(map[float64]bool)
	for _, l := range lines {
		for _, point := range l.points {
			top, at[point.X] = max(top, point.Y), true
		}
	}
	var ticks []plot.Tick
	for x := range at {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	slices.SortFunc(ticks, func(a, b plot.Tick) int { return cmp.Compare(a.Value, b.Value) })
	p.X.Scale = plot.LogScale{} // with ticks at powers of two, any base looks alike
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Tick.Marker = plot.ConstantTicks(thousandTicks(top))
	dress(p, &legend)
	for _, l := range lines {
		stroke, marks, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return nil, nil, err
		}
		l.style.apply(stroke, marks)
		legend.Add(label(l.name), stroke, marks)
		p.Add(stroke, marks)
	}
	p.Y.Min, p.Y.Max = 0, top*1.02
	if p.X.Min == p.X.Max {
		p.X.Max = 2 * p.X.Min // a single match has no width of its own
	}
	return p, &legend, nil
}

// thousandTicks are about eight round numbers up to top.
func thousandTicks(top float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(top/8)))
	for _, factor := range []float64{2, 2.5, 2} { // to 2, 5 and 10 times
		if top/step > 10 {
			step *= factor
		}
	}
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	for v := step; v <= top; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v/1000, 'f', -1, 64) + "k"})
	}
	return ticks
}
