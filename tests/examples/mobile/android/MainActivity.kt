// Asks the router from a thread and shows the answer as it comes.
package org.example.phone

import android.os.Bundle
import android.widget.TextView
import androidx.appcompat.app.AppCompatActivity
import com.chaquo.python.Python
import com.chaquo.python.android.AndroidPlatform
import kotlin.concurrent.thread

class MainActivity : AppCompatActivity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        if (!Python.isStarted()) Python.start(AndroidPlatform(this))
        val view = TextView(this)
        setContentView(view)
        thread {
            val phone = Python.getInstance().getModule("phone")
                .callAttr("Phone", filesDir.path, "http://192.168.1.20:11434/v1")
            val show = { piece: String -> runOnUiThread { view.append(piece) } }
            phone.callAttr("ask", "What is the capital of France?", show)
        }
    }
}
