package dom

import (
	_ "embed"
	"strings"
)

//go:embed names.txt
var namesText string

// The static tables of the format and their inverses, read once and never
// changed.
var (
	tagNames, attrNames, valueTexts = parseNames(namesText)
	tagCodes                        = inverse(tagNames)
	attrCodes                       = inverse(attrNames)
	valueCodes                      = inverse(valueTexts)
)

func parseNames(text string) (tags, attrs, values []string) {
	var into *[]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "# "):
		case line == "[tags]":
			into = &tags
		case line == "[attrs]":
			into = &attrs
		case line == "[values]":
			into = &values
		default:
			for _, word := range strings.Fields(line) {
				*into = append(*into, strings.ReplaceAll(word, "␣", " "))
			}
		}
	}
	return tags, attrs, values
}

func inverse(words []string) map[string]int {
	codes := make(map[string]int, len(words))
	for i, w := range words {
		codes[w] = i
	}
	return codes
}
