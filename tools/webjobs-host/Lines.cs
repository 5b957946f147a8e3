using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace WebJobsHost;

/// <summary>JSON, one line a message. Text that looks like a date stays text.</summary>
internal static class Lines
{
    private static readonly JsonSerializerSettings Settings = new() { DateParseHandling = DateParseHandling.None };

    public static JObject Parse(string line) => JsonConvert.DeserializeObject<JObject>(line, Settings)!;

    /// <summary>Writes a line of this host's own output.</summary>
    public static void Say(object message) => Say(JsonConvert.SerializeObject(message));

    public static void Say(string line)
    {
        lock (Settings) Console.Out.WriteLine(line);
    }
}
