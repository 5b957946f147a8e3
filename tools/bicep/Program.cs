// Writes the provider types that are embedded in Azure.Bicep.Types.Az as files: index.json, and the type file of each
// resource asked for.
//
// Usage: dotnet bicep.dll <Azure.Bicep.Types.Az.dll> <folder> <type@version>...

using System.IO.Compression;
using System.Reflection;
using System.Text.Json;

var assembly = Assembly.LoadFile(Path.GetFullPath(args[0]));
var folder = args[1];
var wanted = new HashSet<string>(args.Skip(2), StringComparer.OrdinalIgnoreCase);

using var index = JsonDocument.Parse(Write("index.json"));
foreach (var resource in index.RootElement.GetProperty("resources").EnumerateObject())
{
    if (wanted.Contains(resource.Name)) Write(resource.Value.GetProperty("$ref").GetString()!.Split('#')[0]);
}

byte[] Write(string path)
{
    using var embedded = assembly.GetManifestResourceStream(path + ".deflated")
        ?? throw new FileNotFoundException($"Expected {path}.deflated in the assembly, got nothing of that name.");
    using var inflated = new DeflateStream(embedded, CompressionMode.Decompress);
    using var memory = new MemoryStream();
    inflated.CopyTo(memory);
    var file = Path.Combine(folder, path);
    Directory.CreateDirectory(Path.GetDirectoryName(file)!);
    File.WriteAllBytes(file, memory.ToArray());
    return memory.ToArray();
}
