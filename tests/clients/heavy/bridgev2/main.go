// A bridge to a network of one robot, who greets whoever signs in and repeats what it is told: for tests of mautrix-go's bridgev2.
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.mau.fi/util/configupgrade"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
)

const robot = networkid.UserID("robot")

type network struct {
	bridge *bridgev2.Bridge
	count  atomic.Int64
}

func (n *network) Init(bridge *bridgev2.Bridge)       { n.bridge = bridge }
func (n *network) Start(context.Context) error        { return nil }
func (n *network) GetDBMetaTypes() database.MetaTypes { return database.MetaTypes{} }
func (n *network) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{}
}
func (n *network) GetConfig() (string, any, configupgrade.Upgrader) { return "", nil, nil }
func (n *network) GetBridgeInfoVersion() (int, int)                 { return 1, 1 }

func (n *network) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{DisplayName: "Echo", NetworkURL: "https://echo.example", NetworkID: "echo", BeeperBridgeType: "example.org/echo"}
}

func (n *network) LoadUserLogin(_ context.Context, login *bridgev2.UserLogin) error {
	login.Client = &client{network: n, login: login}
	return nil
}

func (n *network) GetLoginFlows() []bridgev2.LoginFlow {
	return []bridgev2.LoginFlow{{ID: "name", Name: "Name", Description: "by a name"}}
}

func (n *network) CreateLogin(_ context.Context, user *bridgev2.User, _ string) (bridgev2.LoginProcess, error) {
	return &login{user: user}, nil
}

type login struct{ user *bridgev2.User }

func (l *login) Cancel() {}

func (l *login) Start(context.Context) (*bridgev2.LoginStep, error) {
	field := bridgev2.LoginInputDataField{Type: bridgev2.LoginInputFieldTypeUsername, ID: "name", Name: "Name"}
	return &bridgev2.LoginStep{
		Type: bridgev2.LoginStepTypeUserInput, StepID: "org.example.echo.name", Instructions: "Say your name",
		UserInputParams: &bridgev2.LoginUserInputParams{Fields: []bridgev2.LoginInputDataField{field}},
	}, nil
}

func (l *login) SubmitUserInput(ctx context.Context, input map[string]string) (*bridgev2.LoginStep, error) {
	name := input["name"]
	made, err := l.user.NewLogin(ctx, &database.UserLogin{ID: networkid.UserLoginID(name), RemoteName: name}, nil)
	if err != nil {
		return nil, err
	}
	go made.Client.Connect(made.Log.WithContext(context.Background()))
	return &bridgev2.LoginStep{
		Type: bridgev2.LoginStepTypeComplete, StepID: "org.example.echo.complete", Instructions: "Signed in as " + name,
		CompleteParams: &bridgev2.LoginCompleteParams{UserLoginID: made.ID, UserLogin: made},
	}, nil
}

type client struct {
	network *network
	login   *bridgev2.UserLogin
}

func (c *client) Disconnect()                  {}
func (c *client) IsLoggedIn() bool             { return true }
func (c *client) LogoutRemote(context.Context) {}

func (c *client) IsThisUser(_ context.Context, user networkid.UserID) bool {
	return string(user) == string(c.login.ID)
}

func (c *client) Connect(context.Context) {
	c.login.BridgeState.Send(status.BridgeState{StateEvent: status.StateConnected})
	c.says("hello from the other side")
}

// says lets the robot write to the person.
func (c *client) says(text string) {
	c.login.QueueRemoteEvent(&simplevent.Message[string]{
		EventMeta: simplevent.EventMeta{
			Type: bridgev2.RemoteEventMessage, PortalKey: c.portal(), CreatePortal: true, Timestamp: time.Now(),
			Sender: bridgev2.EventSender{Sender: robot},
		},
		ID: c.nextID(), Data: text,
		ConvertMessageFunc: func(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, text string) (*bridgev2.ConvertedMessage, error) {
			content := &event.MessageEventContent{MsgType: event.MsgText, Body: text}
			return &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{Type: event.EventMessage, Content: content}}}, nil
		},
	})
}

func (c *client) portal() networkid.PortalKey {
	return networkid.PortalKey{ID: networkid.PortalID(robot), Receiver: c.login.ID}
}

func (c *client) nextID() networkid.MessageID {
	return networkid.MessageID(fmt.Sprintf("%d", c.network.count.Add(1)))
}

func (c *client) GetChatInfo(context.Context, *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	kind := database.RoomTypeDM
	return &bridgev2.ChatInfo{Type: &kind, Members: &bridgev2.ChatMemberList{
		IsFull: true, OtherUserID: robot,
		MemberMap: bridgev2.ChatMemberMap{
			robot: {EventSender: bridgev2.EventSender{Sender: robot}, Membership: event.MembershipJoin},
			"":    {EventSender: bridgev2.EventSender{IsFromMe: true}, Membership: event.MembershipJoin},
		},
	}}, nil
}

func (c *client) GetUserInfo(context.Context, *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	name := "Robot"
	return &bridgev2.UserInfo{Name: &name}, nil
}

func (c *client) GetCapabilities(context.Context, *bridgev2.Portal) *event.RoomFeatures {
	return &event.RoomFeatures{ID: "org.example.echo.features", MaxTextLength: 1000}
}

func (c *client) HandleMatrixMessage(_ context.Context, said *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	c.says("you said: " + said.Content.Body)
	return &bridgev2.MatrixMessageResponse{DB: &database.Message{
		ID: c.nextID(), SenderID: networkid.UserID(c.login.ID), Timestamp: time.Now(),
	}}, nil
}

func main() {
	bridge := mxmain.BridgeMain{Name: "echo", Description: "A bridge to a robot", URL: "https://echo.example", Version: "1.0.0", Connector: &network{}}
	bridge.Run()
}
