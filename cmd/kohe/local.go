package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kohe/edge/api"
	"kohe/raft/state"
	"kohe/relay"
)

// local speaks to the node that runs on a data folder.
type local struct{ data string }

func (l *local) flag(c *cobra.Command) {
	c.PersistentFlags().StringVar(&l.data, "data", envOr("KOHE_DATA", defaults().Data), "the running node's data folder")
}

func envOr(name, otherwise string) string {
	if v, ok := os.LookupEnv(name); ok {
		return v
	}
	return otherwise
}

func (l *local) call(ctx context.Context, method, path string, in, out any) error {
	return api.CallLocal(ctx, socketPath(l.data), method, path, in, out)
}

func agentCommand() *cobra.Command {
	c := &cobra.Command{Use: "agent", Short: "Agents of a running node"}
	var l local
	l.flag(c)
	var a api.LocalAgent
	add := &cobra.Command{
		Use: "add SIGN-IN-NAME", Short: "Add an agent, or change one", Args: cobra.ExactArgs(1),
		Long: "Add an agent, or change one: what no flag names stays as it is. The password is asked for, or read from standard input.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.ID = args[0]
			if err := l.keepAgent(cmd, &a); err != nil {
				return err
			}
			if a.Password, err = askPassword(cmd); err != nil {
				return err
			}
			var done api.LocalAgent
			if err := l.call(cmd.Context(), http.MethodPost, "/agents", a, &done); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s can sign in.\n", done.ID)
			return nil
		},
	}
	add.Flags().StringVar(&a.Name, "name", "", "full name, which colleagues see (default: the sign-in name)")
	add.Flags().StringVar(&a.Alias, "alias", "", "what visitors see (default: the first name)")
	add.Flags().StringVar((*string)(&a.Role), "role", string(relay.RoleAgent), "agent or supervisor")
	add.Flags().BoolVar(&a.Operator, "operator", false, "may see the cluster's nodes in the console, drain and remove them, and let new ones join")
	add.Flags().StringSliceVar(&a.Sites, "site", nil, "sites that they see (default: all)")
	add.Flags().StringSliceVar(&a.Departments, "department", nil, "departments that they see (default: all of those sites)")
	add.Flags().IntVar(&a.Capacity, "capacity", relay.DefaultCapacity, "sessions at once")
	passwd := &cobra.Command{
		Use: "passwd SIGN-IN-NAME", Short: "Set an agent's password; ends their sign-ins", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := askPassword(cmd)
			if err != nil {
				return err
			}
			in := api.LocalAgent{ID: args[0], Password: text}
			if err := l.call(cmd.Context(), http.MethodPost, "/password", in, &in); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The password of %s is changed.\n", args[0])
			return nil
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the agents", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var agents []api.LocalAgent
			if err := l.call(cmd.Context(), http.MethodGet, "/agents", nil, &agents); err != nil {
				return err
			}
			return table(cmd, "SIGN-IN\tNAME\tALIAS\tROLE\tSITES\tDEPARTMENTS", agents, func(a api.LocalAgent) []string {
				return []string{a.ID, a.Name, a.Alias, roleCell(a), strings.Join(a.Sites, ","), strings.Join(a.Departments, ",")}
			})
		},
	}
	c.AddCommand(add, passwd, list)
	return c
}

func roleCell(a api.LocalAgent) string {
	if a.Operator {
		return string(a.Role) + ", operator"
	}
	return string(a.Role)
}

func siteCommand() *cobra.Command {
	c := &cobra.Command{Use: "site", Short: "Sites of a running node"}
	var l local
	l.flag(c)
	var s api.LocalSite
	add := &cobra.Command{
		Use: "add ID", Short: "Add a site, or change one", Args: cobra.ExactArgs(1),
		Long:    "Add a site, or change one: what no flag names stays as it is.",
		Example: "  kohe site add shop --name 'The shop' --origin https://shop.example --department sales --department help",
		RunE: func(cmd *cobra.Command, args []string) error {
			s.ID = args[0]
			if err := l.keepSite(cmd, &s); err != nil {
				return err
			}
			var done api.LocalSite
			if err := l.call(cmd.Context(), http.MethodPost, "/sites", s, &done); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Put this on the site's pages:\n  <script async src=\"%s/kohe.js\" data-site=%q></script>\n", done.Node, done.ID)
			return nil
		},
	}
	add.Flags().StringVar(&s.Name, "name", "", "name, which visitors see (default: the id)")
	add.Flags().StringVar(&s.Customer, "customer", "", "who the site belongs to (default: the only customer)")
	add.Flags().StringSliceVar(&s.Origins, "origin", nil, "where the site's pages are, such as https://shop.example")
	add.Flags().StringSliceVar(&s.Departments, "department", nil, "departments that visitors may choose; the first is the default (default: help, or CUSTOMER-help where help is another customer's)")
	add.Flags().StringSliceVar(&s.Mask, "mask", nil, "selectors of what agents must not see, besides passwords, card fields and data-kohe-mask")
	add.Flags().BoolVar(&s.MaskAll, "mask-all", false, "mask everything that does not carry data-kohe-unmask")
	add.Flags().StringSliceVar(&s.Unmask, "unmask", nil, "selectors of what agents may see even so, besides data-kohe-unmask")
	add.Flags().BoolVar(&s.Canvas, "canvas", false, "agents see what canvases and videos show, at most two pictures a second")
	add.Flags().StringSliceVar(&s.Images, "images", nil, "selectors of images that only the visitor may load, behind a sign-in for example: their browser sends them")
	add.Flags().BoolVar(&s.Visitors, "visitors", false, "agents see who is on the site's pages, before anybody asks for help")
	add.Flags().StringSliceVar(&s.Links, "link-origin", nil, "origins that agents may send links to, besides the site's own")
	var without, pages []string
	add.Flags().StringArrayVar(&pages, "page", nil, "a page that agents send visitors to, TITLE=URL")
	add.Flags().StringSliceVar(&without, "without", nil, "what agents may not ask for on the site's pages: point, draw, scroll, fill, click")
	add.PreRunE = func(*cobra.Command, []string) error {
		for _, level := range without {
			s.Without = append(s.Without, relay.Level(level))
		}
		for _, page := range pages {
			title, address, ok := strings.Cut(page, "=http")
			if !ok {
				return fmt.Errorf("--page %q: want a title, = and an address, such as 'Prices=https://shop.example/prices'", page)
			}
			s.Pages = append(s.Pages, state.Page{Title: strings.TrimSpace(title), URL: "http" + address})
		}
		return nil
	}
	add.Flags().StringSliceVar(&s.Assets, "assets", nil, "other origins that the site's pictures, styles and fonts come from")
	add.Flags().IntVar(&s.Record, "record", 0, "record what agents see, where the visitor allows it, and keep it for so many days; 0 keeps nothing")
	add.Flags().StringVar(&s.Color, "color", "", "colour of the button, #rrggbb")
	add.Flags().BoolVar(&s.CoBrowse, "cobrowse", true, "agents may ask to see the page")
	list := &cobra.Command{
		Use: "list", Short: "List the sites", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var sites []api.LocalSite
			if err := l.call(cmd.Context(), http.MethodGet, "/sites", nil, &sites); err != nil {
				return err
			}
			return table(cmd, "ID\tCUSTOMER\tNAME\tORIGINS\tDEPARTMENTS\tSEE PAGE\tRECORD\tVISITORS", sites, func(s api.LocalSite) []string {
				return []string{s.ID, s.Customer, s.Name, strings.Join(s.Origins, ","), strings.Join(s.Departments, ","), yes(s.CoBrowse), days(s.Record), yes(s.Visitors)}
			})
		},
	}
	c.AddCommand(add, list)
	return c
}

func yes(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

func days(n int) string {
	if n == 0 {
		return "no"
	}
	return fmt.Sprintf("%d days", n)
}

func table[T any](cmd *cobra.Command, head string, rows []T, cells func(T) []string) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(cells(row), "\t"))
	}
	return w.Flush()
}

// askPassword reads a password without showing it, or a line of a pipe.
func askPassword(cmd *cobra.Command) (string, error) {
	var text []byte
	var err error
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(cmd.ErrOrStderr(), "Password: ")
		text, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
	} else {
		text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4096))
	}
	password := strings.TrimRight(string(text), "\r\n")
	if err == nil && password == "" {
		err = errors.New("no password was given; type one, or send it to standard input")
	}
	return password, err
}
