package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
)

// typeface is the plotter's own, as it is written into the picture.
const typeface = "Liberation Sans"

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

var (
	ours  = color.RGBA{0xd5, 0x2b, 0x1e, 0xff}
	faint = color.Gray{Y: 0x70}

	// hues can be told apart by people who see fewer colours, with the marks' help.
	hues = []color.Color{
		color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0xcc, 0x79, 0xa7, 0xff},
		color.RGBA{0x8c, 0x56, 0x4b, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0x7f, 0x3c, 0x8d, 0xff},
	}
	marks = []draw.GlyphDrawer{
		draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.SquareGlyph{}, draw.RingGlyph{}, draw.CrossGlyph{},
	}
)

// dress sets what does not depend on the lines.
func dress(p *plot.Plot, legend *plot.Legend) {
	p.Title.TextStyle.Font = sans(14)
	p.Title.Padding = vg.Points(10)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = sans(12)
		axis.Label.Padding = vg.Points(4)
		axis.Tick.Label.Font = sans(11)
		axis.LineStyle.Color, axis.Tick.LineStyle.Color = faint, faint
	}
	legend.Top, legend.Left = true, true
	legend.TextStyle.Font = sans(11)
	legend.Padding = vg.Points(5)
	legend.ThumbnailWidth = vg.Points(28)

	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.Gray{Y: 0xe4}
	p.Add(grid)
}

// style is how a contender's line looks.
type style struct {
	color  color.Color
	width  vg.Length
	dashes []vg.Length
	mark   draw.GlyphDrawer
}

// label is how the legend calls a contender.
func label(name string) string {
	if name == contest.Fused || name == contest.Unfused {
		return "ThrottleKit, " + name
	}
	return name
}

// own is how the SDK's lines look, which stand out.
func own(name string) style {
	if name == contest.Fused {
		return style{ours, vg.Points(3.2), nil, draw.CircleGlyph{}}
	}
	return style{ours, vg.Points(1.6), []vg.Length{vg.Points(6), vg.Points(3)}, draw.CircleGlyph{}}
}

// peer is how the i-th peer's line looks.
func peer(i int) style {
	return style{hues[i%len(hues)], vg.Points(1.6), nil, marks[i%len(marks)]}
}

// reference is how the i-th line of the reference looks, which stands back; a later one
// has longer dashes.
func reference(i int) style {
	return style{faint, vg.Points(1.3), []vg.Length{vg.Points(1.5 + 3.5*float64(i)), vg.Points(2.5)}, none{}}
}

// none marks nothing.
type none struct{}

// DrawGlyph implements [draw.GlyphDrawer].
func (none) DrawGlyph(*draw.Canvas, draw.GlyphStyle, vg.Point) {}

func (s style) apply(line *plotter.Line, points *plotter.Scatter) {
	line.Color, line.Width, line.Dashes = s.color, s.width, s.dashes
	points.Color, points.Shape, points.Radius = s.color, s.mark, vg.Points(3.2)
}
