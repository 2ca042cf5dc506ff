package relay

// Level is what an agent may do on a visitor's page, besides seeing it. Each is
// asked for when it is first needed, and given by the visitor alone.
type Level string

// The levels.
const (
	LevelPoint  Level = "point"  // show where: a pointer, elements that light up
	LevelDraw   Level = "draw"   // draw over the page
	LevelScroll Level = "scroll" // bring the visitor to a place
	LevelFill   Level = "fill"   // fill in fields
	LevelClick  Level = "click"  // click on links and buttons, and open pages of the site
)

// Levels are all levels, from the least to the most.
var Levels = []Level{LevelPoint, LevelDraw, LevelScroll, LevelFill, LevelClick}
